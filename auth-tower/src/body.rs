//! The body of every answer made here.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde::Serialize;

/// A body that is there as a whole, or empty. Its length is always known, and reading it never fails.
#[derive(Debug, Clone, Default)]
pub struct Body(Option<Bytes>);

impl Body {
    /// No bytes.
    pub const fn empty() -> Self {
        Self(None)
    }

    /// The JSON text of a value of ours. Those have string keys and finite numbers only, so that writing
    /// them cannot fail; if it ever did, the body would be empty.
    pub(crate) fn json(value: &impl Serialize) -> Self {
        Self(serde_json::to_vec(value).ok().map(Bytes::from))
    }

    /// A text that is made already.
    pub(crate) fn text(text: String) -> Self {
        Self(Some(text.into()))
    }

    /// Bytes that are there already.
    pub(crate) fn bytes(bytes: Bytes) -> Self {
        Self(Some(bytes))
    }

    /// The number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Bytes::len)
    }

    #[cfg(feature = "axum")]
    pub(crate) fn into_bytes(self) -> Bytes {
        self.0.unwrap_or_default()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
    }
}
