//! The macro that turns a filter into a component. Exports the hooks that are named and no other, since the server
//! calls every hook that is exported.

/// `export!(MyFilter: on_message, on_recipient);`
#[macro_export]
macro_rules! export {
    ($filter:ty: $($hook:ident),+ $(,)?) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            static FILTER: ::std::sync::OnceLock<$filter> = ::std::sync::OnceLock::new();

            struct Component;

            impl $crate::bindings::setup::exports::postwarden::filter::setup::Guest for Component {
                fn configure(
                    settings: ::std::string::String,
                ) -> ::std::result::Result<
                    (),
                    ::std::vec::Vec<$crate::bindings::setup::exports::postwarden::filter::setup::Problem>,
                > {
                    $crate::configure_once(&FILTER, &settings).map_err(|problems| {
                        let problem = |$crate::Problem { path, message }| {
                            $crate::bindings::setup::exports::postwarden::filter::setup::Problem { path, message }
                        };
                        problems.into_iter().map(problem).collect()
                    })
                }
            }
            $crate::bindings::setup::export_setup!(Component with_types_in $crate::bindings::setup);

            fn filter() -> ::std::result::Result<&'static $filter, $crate::Failure> {
                FILTER.get().ok_or_else(|| $crate::Failure::from("the filter was not configured"))
            }

            $($crate::export_hook!($hook Component $filter);)+
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! export_hook {
    (on_connect $component:ident $filter:ty) => {
        impl $crate::bindings::on_connect::exports::postwarden::filter::on_connect::Guest for $component {
            fn check(session: $crate::Session) -> $crate::Answer {
                <$filter as $crate::Filter>::on_connect(filter()?, &session)
            }
        }
        $crate::bindings::on_connect::export_on_connect!($component with_types_in $crate::bindings::on_connect);
    };
    (on_greeting $component:ident $filter:ty) => {
        impl $crate::bindings::on_greeting::exports::postwarden::filter::on_greeting::Guest for $component {
            fn check(session: $crate::Session) -> $crate::Answer {
                <$filter as $crate::Filter>::on_greeting(filter()?, &session)
            }
        }
        $crate::bindings::on_greeting::export_on_greeting!($component with_types_in $crate::bindings::on_greeting);
    };
    (on_sender $component:ident $filter:ty) => {
        impl $crate::bindings::on_sender::exports::postwarden::filter::on_sender::Guest for $component {
            fn check(session: $crate::Session, transaction: $crate::Transaction) -> $crate::Answer {
                <$filter as $crate::Filter>::on_sender(filter()?, &session, &transaction)
            }
        }
        $crate::bindings::on_sender::export_on_sender!($component with_types_in $crate::bindings::on_sender);
    };
    (on_recipient $component:ident $filter:ty) => {
        impl $crate::bindings::on_recipient::exports::postwarden::filter::on_recipient::Guest for $component {
            fn check(
                session: $crate::Session,
                transaction: $crate::Transaction,
                recipient: $crate::Recipient,
            ) -> $crate::Answer {
                <$filter as $crate::Filter>::on_recipient(filter()?, &session, &transaction, &recipient)
            }
        }
        $crate::bindings::on_recipient::export_on_recipient!($component with_types_in $crate::bindings::on_recipient);
    };
    (on_message $component:ident $filter:ty) => {
        impl $crate::bindings::on_message::exports::postwarden::filter::on_message::Guest for $component {
            fn check(
                session: $crate::Session,
                transaction: $crate::Transaction,
                message: $crate::Message,
            ) -> $crate::Answer {
                <$filter as $crate::Filter>::on_message(filter()?, &session, &transaction, &message)
            }
        }
        $crate::bindings::on_message::export_on_message!($component with_types_in $crate::bindings::on_message);
    };
    (on_outcome $component:ident $filter:ty) => {
        impl $crate::bindings::on_outcome::exports::postwarden::filter::on_outcome::Guest for $component {
            fn note(
                session: $crate::Session,
                transaction: $crate::Transaction,
                outcome: ::std::string::String,
                reply: ::std::string::String,
            ) {
                if let Ok(filter) = filter() {
                    <$filter as $crate::Filter>::on_outcome(filter, &session, &transaction, &outcome, &reply);
                }
            }
        }
        $crate::bindings::on_outcome::export_on_outcome!($component with_types_in $crate::bindings::on_outcome);
    };
    (on_feedback $component:ident $filter:ty) => {
        impl $crate::bindings::on_feedback::exports::postwarden::filter::on_feedback::Guest for $component {
            fn learn(message: $crate::Message, class: $crate::Class) -> ::std::result::Result<(), $crate::Failure> {
                <$filter as $crate::Filter>::on_feedback(filter()?, &message, class)
            }
        }
        $crate::bindings::on_feedback::export_on_feedback!($component with_types_in $crate::bindings::on_feedback);
    };
    ($other:ident $component:ident $filter:ty) => {
        compile_error!(concat!(
            "there is no hook `",
            stringify!($other),
            "`; known are: on_connect, on_greeting, on_sender, on_recipient, on_message, on_outcome, on_feedback"
        ));
    };
}
