//! Serves operations over HTTP: token, limits, JSON in and out. No operation's logic here.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use subtle::ConstantTimeEq;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

use super::operation::{Kind, Operation, Parts, Refused};
use super::{accounts, filters, history, learn, lessons, metrics, quarantine, queue, status};
use crate::node::Node;

const CONNECTIONS_MAX: usize = 64;
/// An operation that takes longer is given up; what it has committed stands.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);
/// A connection on which nothing is read or written for so long is closed.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

struct Door {
    node: Arc<Node>,
    token: String,
}

/// Answers until `stop`. Requests in progress are finished.
pub async fn serve(node: Arc<Node>, listener: TcpListener, token: String, stop: CancellationToken) {
    let door = Arc::new(Door { node, token });
    let listener = Limited { listener, permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
    let served = axum::serve(listener, router(door)).with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "the console stopped");
    }
}

fn router(door: Arc<Door>) -> Router {
    Router::new()
        .merge(operation::<accounts::ListEntries>())
        .merge(operation::<accounts::ShowEntry>())
        .merge(operation::<accounts::PutEntry>())
        .merge(operation::<accounts::ChangeAccount>())
        .merge(operation::<accounts::RemoveEntry>())
        .merge(operation::<queue::ListQueue>())
        .merge(operation::<queue::ShowMessage>())
        .merge(operation::<queue::ChangeQueue>())
        .merge(operation::<history::FindHistory>())
        .merge(operation::<quarantine::ListHeld>())
        .merge(operation::<quarantine::ReadHeld>())
        .merge(operation::<quarantine::ReleaseHeld>())
        .merge(operation::<quarantine::DeleteHeld>())
        .merge(operation::<filters::ListFilters>())
        .merge(operation::<filters::ShowFilter>())
        .merge(operation::<filters::ReloadFilter>())
        .merge(operation::<filters::RollbackFilter>())
        .merge(operation::<filters::PromoteCanary>())
        .merge(operation::<filters::DropCanary>())
        .merge(operation::<filters::FilterHistory>())
        .merge(operation::<learn::Learn>())
        .merge(operation::<lessons::CountLessons>())
        .merge(operation::<quarantine::LearnHeld>())
        .merge(operation::<crate::explain::Explain>())
        .merge(operation::<status::Reload>())
        .merge(operation::<status::Status>())
        .route("/metrics", get(monitored))
        .route_layer(middleware::from_fn_with_state(door.clone(), authorise))
        .route("/health", get(health))
        .fallback(nothing_here)
        .with_state(door)
}

/// `POST /api/v1/ROUTE` with the operation's JSON.
fn operation<O: Operation>() -> Router<Arc<Door>> {
    let limit = DefaultBodyLimit::max(O::REQUEST_BYTES_MAX);
    Router::new().route(&format!("/api/v1/{}", O::ROUTE), post(run::<O>).layer(limit))
}

async fn run<O: Operation>(State(door): State<Arc<Door>>, body: Bytes) -> Response {
    let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
    let operation: O = match serde_json::from_slice(text) {
        Ok(operation) => operation,
        Err(error) => return refuse(&Refused::invalid(format!("the request is not what {} takes: {error}", O::ROUTE))),
    };
    if O::CHANGES {
        tracing::info!(operation = O::ROUTE, "an operator changes something");
    }
    let parts = Parts::of(&door.node);
    match tokio::time::timeout(REQUEST_TIME_MAX, operation.run(&parts)).await {
        Ok(Ok(reply)) => json(StatusCode::OK, &reply),
        Ok(Err(refused)) => refuse(&refused),
        Err(_) => refuse(&Refused::new(
            Kind::Unavailable,
            format!("not finished within {} s; part of it may be done", REQUEST_TIME_MAX.as_secs()),
        )),
    }
}

async fn authorise(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .unwrap_or_default();
    if bool::from(given.ct_eq(door.token.as_bytes())) {
        return next.run(request).await;
    }
    let message =
        "the token is missing or wrong: send \"Authorization: Bearer TOKEN\" with the content of admin.token-file";
    refuse(&Refused::new(Kind::Unauthorised, message))
}

/// For load balancers and monitors: whether the store answers. No token, nothing secret.
async fn health(State(door): State<Arc<Door>>) -> Response {
    const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
    match tokio::time::timeout(ANSWER_TIME_MAX, door.node.store.next_due()).await {
        Ok(Ok(_)) => (StatusCode::OK, "ok\n").into_response(),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, format!("store: {error}\n")).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "store: no answer\n").into_response(),
    }
}

/// With the token: names of filters and amounts of mail are nobody else's business.
async fn monitored(State(door): State<Arc<Door>>) -> Response {
    match metrics::page(&door.node).await {
        Ok(page) => (StatusCode::OK, [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
        Err(refused) => refuse(&refused),
    }
}

async fn nothing_here() -> Response {
    refuse(&Refused::not_found(
        "there is no such route; operations are POST /api/v1/…; GET /health tells how the server is, GET /metrics what it did",
    ))
}

fn refuse(refused: &Refused) -> Response {
    let status = match refused.kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Refused => StatusCode::CONFLICT,
        Kind::Unauthorised => StatusCode::UNAUTHORIZED,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    json(status, refused)
}

fn json<T: serde::Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => (status, [(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot write the answer: {error}\n")).into_response()
        }
    }
}

/// A listener with a bound on open connections.
struct Limited {
    listener: TcpListener,
    permits: Arc<Semaphore>,
}

impl axum::serve::Listener for Limited {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed; without a permit there is nothing to do but wait.
        let permit = match self.permits.clone().acquire_owned().await {
            Ok(permit) => permit,
            Err(_) => std::future::pending().await,
        };
        let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
        let idle = Box::pin(tokio::time::sleep(IDLE_TIME_MAX));
        (Connection { stream, idle, _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when nothing moves on it.
struct Connection {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn moved(&mut self) {
        self.idle.as_mut().reset(Instant::now() + IDLE_TIME_MAX);
    }

    fn timed_out(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        ready!(self.idle.as_mut().poll(context));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            self.moved();
            return Poll::Ready(result);
        }
        self.timed_out(context).map(Err)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_write(context, bytes) {
            self.moved();
            return Poll::Ready(result);
        }
        self.timed_out(context).map(Err)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
