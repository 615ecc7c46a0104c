//! How a call is made: with the session's token, at the node in use, and again where that is safe.

use std::time::Duration;

use antipode_proto::v1;
use bytes::Bytes;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::client::{Client, Connected};
use crate::error::{Error, Retry, Written};

/// The first pause before a call is repeated; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Whether a call may be made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It changes nothing, or the same however often it is made.
    Repeatable,
    /// Made twice, it might count twice.
    Once,
}

/// A reply that says what the session has now seen.
pub(crate) trait Reply {
    fn token(&self) -> &Bytes;
}

macro_rules! replies {
    ($($name:ident)*) => {
        $(impl Reply for v1::$name {
            fn token(&self) -> &Bytes {
                &self.token
            }
        })*
    };
}

replies! {
    ExecuteReply ExplainReply
    GetDocumentReply WriteDocumentReply
    KvGetReply KvWriteReply KvIncrementReply KvScanReply
    PublishReply SubscribeReply CommitCursorReply ListCursorsReply
    CatalogReply ListFabricsReply ListCollectionsReply ListStreamsReply GetGraphReply ListGraphsReply
    CreateIndexReply DropIndexReply ListIndexesReply CheckIndexesReply
    StatusReply DiscardedReply SetLineReply
}

impl Client {
    /// Makes a call that has one reply.
    pub(crate) async fn call<T, R: Reply, F>(
        &self,
        effect: Effect,
        request: impl Fn() -> T,
        send: impl Fn(Channel, Request<T>) -> F,
    ) -> Result<R, Error>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let timeout = self.inner.config.timeout;
        let reply = self
            .open(effect, request, |channel, mut request| {
                request.set_timeout(timeout);
                let sent = send(channel, request);
                async move {
                    // The node keeps to the deadline too; this is for one that does not answer at all.
                    match tokio::time::timeout(timeout, sent).await {
                        Ok(reply) => reply,
                        Err(_) => Err(Status::deadline_exceeded("no answer in time")),
                    }
                }
            })
            .await?;
        self.inner.saw(reply.token());
        Ok(reply)
    }

    /// Begins a call whose reply is a stream.
    pub(crate) async fn open<T, R, F>(
        &self,
        effect: Effect,
        request: impl Fn() -> T,
        send: impl Fn(Channel, Request<T>) -> F,
    ) -> Result<R, Error>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let reply = self
            .attempt(effect, |channel| send(channel, Request::new(request())))
            .await?;
        Ok(reply.into_inner())
    }

    /// Futures are named by type, not made by async closures: those are not `Send` for every lifetime, and a call must
    /// be one that can be spawned.
    async fn attempt<R, F>(&self, effect: Effect, make: impl Fn(Channel) -> F) -> Result<R, Error>
    where
        F: Future<Output = Result<R, Status>>,
    {
        let mut pause = PAUSE_MIN;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match self.inner.connected().await {
                Ok(connected) => match make(connected.channel.clone()).await {
                    Ok(reply) => return Ok(reply),
                    Err(status) => {
                        let error = Error::from_status(&status);
                        self.turn_away(&connected, &error);
                        error
                    }
                },
                Err(error) => error,
            };
            if attempts >= self.inner.config.attempts || !may_repeat(effect, &error) {
                return Err(error);
            }
            tracing::debug!(%error, "the call is repeated");
            if error.retry() == Retry::After {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }

    /// A node that cannot be reached, or is stopping, is left for another.
    pub(crate) fn turn_away(&self, connected: &Connected, error: &Error) {
        const SHUTTING_DOWN: u32 = 30;
        let gone = matches!(error, Error::Lost { .. } | Error::Unreachable { .. })
            || error.code() == Some(SHUTTING_DOWN);
        if gone {
            self.inner.give_up(connected);
        }
    }
}

fn may_repeat(effect: Effect, error: &Error) -> bool {
    if error.retry() == Retry::Never || matches!(error, Error::TimedOut) {
        return false;
    }
    effect == Effect::Repeatable || error.written() == Written::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(retry: Retry, written: Written) -> Error {
        Error::Database {
            code: 1,
            name: String::new(),
            message: String::new(),
            retry,
            written,
            line: 0,
            column: 0,
        }
    }

    #[test]
    fn only_what_is_safe_is_repeated() {
        let lost = || Error::Lost {
            message: String::new(),
        };
        assert!(may_repeat(Effect::Repeatable, &lost()));
        assert!(!may_repeat(Effect::Once, &lost()));
        assert!(may_repeat(
            Effect::Once,
            &Error::Unreachable {
                message: String::new()
            }
        ));
        assert!(!may_repeat(Effect::Repeatable, &Error::TimedOut));
        assert!(may_repeat(
            Effect::Once,
            &database(Retry::Now, Written::Nothing)
        ));
        assert!(!may_repeat(
            Effect::Once,
            &database(Retry::Now, Written::Unknown)
        ));
        assert!(!may_repeat(
            Effect::Repeatable,
            &database(Retry::Never, Written::Nothing)
        ));
    }
}
