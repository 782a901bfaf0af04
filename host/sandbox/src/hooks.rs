//! Which hooks a component exports, and how each is called. One arm a hook; decides nothing.

use wasmtime::component::{Instance, InstancePre, Resource};
use wasmtime::{Result, Store};

use crate::call::Call;
use crate::context::Context;
use crate::hook::Hook;
use crate::import::content::MessageHandle;
use crate::import::convert;
use crate::import::smtp::{SessionHandle, TransactionHandle};
use crate::track_0_1::exports::postwarden::filter as wit;
use crate::track_0_1::postwarden::filter::types;

/// Where in the component each exported hook is. None: the host never calls it.
#[derive(Clone)]
pub(crate) struct Hooks {
    connect: Option<wit::on_connect::GuestIndices>,
    greeting: Option<wit::on_greeting::GuestIndices>,
    sender: Option<wit::on_sender::GuestIndices>,
    recipient: Option<wit::on_recipient::GuestIndices>,
    message: Option<wit::on_message::GuestIndices>,
    outcome: Option<wit::on_outcome::GuestIndices>,
    feedback: Option<wit::on_feedback::GuestIndices>,
    pub(crate) setup: Option<wit::setup::GuestIndices>,
}

/// What a hook answers; the outcome hook answers nothing, and what was learned is a pass.
pub(crate) type Answer = Option<std::result::Result<types::Verdict, types::Failure>>;

impl Hooks {
    /// By name only; whether the functions have the right types shows in [`Hooks::try_all`].
    pub(crate) fn find(pre: &InstancePre<Context>) -> Self {
        Self {
            connect: wit::on_connect::GuestIndices::new(pre).ok(),
            greeting: wit::on_greeting::GuestIndices::new(pre).ok(),
            sender: wit::on_sender::GuestIndices::new(pre).ok(),
            recipient: wit::on_recipient::GuestIndices::new(pre).ok(),
            message: wit::on_message::GuestIndices::new(pre).ok(),
            outcome: wit::on_outcome::GuestIndices::new(pre).ok(),
            feedback: wit::on_feedback::GuestIndices::new(pre).ok(),
            setup: wit::setup::GuestIndices::new(pre).ok(),
        }
    }

    pub(crate) fn list(&self) -> Vec<Hook> {
        let there = |hook: &Hook| match hook {
            Hook::Connect => self.connect.is_some(),
            Hook::Greeting => self.greeting.is_some(),
            Hook::Sender => self.sender.is_some(),
            Hook::Recipient => self.recipient.is_some(),
            Hook::Message => self.message.is_some(),
            Hook::Outcome => self.outcome.is_some(),
            Hook::Feedback => self.feedback.is_some(),
        };
        Hook::ALL.into_iter().filter(there).collect()
    }

    /// Looks at the types of all exported hooks. The error names the hook.
    pub(crate) fn try_all(&self, store: &mut Store<Context>, instance: &Instance) -> std::result::Result<(), String> {
        let said = |hook: Hook| move |error: wasmtime::Error| format!("{hook}: {error:#}");
        if let Some(indices) = &self.connect {
            indices.load(&mut *store, instance).map_err(said(Hook::Connect))?;
        }
        if let Some(indices) = &self.greeting {
            indices.load(&mut *store, instance).map_err(said(Hook::Greeting))?;
        }
        if let Some(indices) = &self.sender {
            indices.load(&mut *store, instance).map_err(said(Hook::Sender))?;
        }
        if let Some(indices) = &self.recipient {
            indices.load(&mut *store, instance).map_err(said(Hook::Recipient))?;
        }
        if let Some(indices) = &self.message {
            indices.load(&mut *store, instance).map_err(said(Hook::Message))?;
        }
        if let Some(indices) = &self.outcome {
            indices.load(&mut *store, instance).map_err(said(Hook::Outcome))?;
        }
        if let Some(indices) = &self.feedback {
            indices.load(&mut *store, instance).map_err(said(Hook::Feedback))?;
        }
        if let Some(indices) = &self.setup {
            indices.load(&mut *store, instance).map_err(|error| format!("setup: {error:#}"))?;
        }
        Ok(())
    }

    /// Calls the hook of this call. The component exports it, or it passes.
    pub(crate) async fn call(&self, store: &mut Store<Context>, instance: &Instance, call: &Call) -> Result<Answer> {
        if call.hook == Hook::Feedback {
            return self.learn(store, instance, call).await;
        }
        let session = store.data_mut().hand(SessionHandle)?;
        let answer = match call.hook {
            Hook::Connect => match &self.connect {
                Some(indices) => indices.load(&mut *store, instance)?.call_check(&mut *store, session).await?,
                None => return Ok(None),
            },
            Hook::Greeting => match &self.greeting {
                Some(indices) => indices.load(&mut *store, instance)?.call_check(&mut *store, session).await?,
                None => return Ok(None),
            },
            Hook::Sender => match &self.sender {
                Some(indices) => {
                    let transaction = store.data_mut().hand(TransactionHandle)?;
                    let guest = indices.load(&mut *store, instance)?;
                    guest.call_check(&mut *store, session, transaction).await?
                }
                None => return Ok(None),
            },
            Hook::Recipient => match (&self.recipient, &call.recipient) {
                (Some(indices), Some(recipient)) => {
                    let transaction = store.data_mut().hand(TransactionHandle)?;
                    let recipient = convert::recipient(recipient);
                    let guest = indices.load(&mut *store, instance)?;
                    guest.call_check(&mut *store, session, transaction, &recipient).await?
                }
                _ => return Ok(None),
            },
            Hook::Message => match &self.message {
                Some(indices) => {
                    let transaction = store.data_mut().hand(TransactionHandle)?;
                    let message: Resource<MessageHandle> = store.data_mut().hand(MessageHandle)?;
                    let guest = indices.load(&mut *store, instance)?;
                    guest.call_check(&mut *store, session, transaction, message).await?
                }
                None => return Ok(None),
            },
            Hook::Outcome => {
                if let (Some(indices), Some(outcome)) = (&self.outcome, &call.outcome) {
                    let transaction = store.data_mut().hand(TransactionHandle)?;
                    let guest = indices.load(&mut *store, instance)?;
                    guest.call_note(&mut *store, session, transaction, &outcome.outcome, &outcome.reply).await?;
                }
                return Ok(None);
            }
            Hook::Feedback => return Ok(None),
        };
        Ok(Some(answer))
    }

    async fn learn(&self, store: &mut Store<Context>, instance: &Instance, call: &Call) -> Result<Answer> {
        let (Some(indices), Some(class)) = (&self.feedback, &call.class) else { return Ok(None) };
        let message: Resource<MessageHandle> = store.data_mut().hand(MessageHandle)?;
        let guest = indices.load(&mut *store, instance)?;
        let learned = guest.call_learn(&mut *store, message, &convert::class(class)).await?;
        Ok(Some(learned.map(|()| types::Verdict::Pass)))
    }
}
