use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH},
    request::Parts,
};
use tower_service::Service;

use super::{
    AccountPages, Inner,
    ask::{Answered, Ask},
    route,
};
use crate::{
    Body, client,
    headers::{X_REQUEST_ID, request_id, set_security_headers},
    problem::Problem,
    route::Takes,
    service::{BoxError, Payload, parse_form},
};

impl<B> Service<Request<B>> for AccountPages
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AccountPagesFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let pages = Arc::clone(&self.inner);
        let (parts, body) = request.into_parts();
        AccountPagesFuture(Box::pin(async move {
            let (method, id) = (parts.method.clone(), request_id(&parts.headers));
            let response = pages.answer(parts, body, &id).await;
            Ok(finish(response, &method, id, pages.service.hsts.as_ref()))
        }))
    }
}

/// The future of [`AccountPages`]. Dropping it at any time is safe: what was begun is finished whole or not at all.
pub struct AccountPagesFuture(Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>);

impl Future for AccountPagesFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for AccountPagesFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountPagesFuture").finish_non_exhaustive()
    }
}

impl Inner {
    async fn answer<B>(self: &Arc<Self>, parts: Parts, body: B, id: &HeaderValue) -> Response<Body>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        if let Some(file) = self.files.find(parts.uri.path())
            && matches!(parts.method, Method::GET | Method::HEAD)
        {
            return file.answer(parts.uri.query());
        }
        let request_id = id.to_str().unwrap_or_default();
        let client = client::of_service(&parts, self.service.cookies).request_id(request_id);
        let route = route::find(parts.uri.path());
        let mut ask = Ask::new(Arc::clone(self), parts, client, id.clone());
        let mut response = match self.pass(&mut ask, route, body).await {
            Ok(response) => response,
            Err(stop) => ask.stopped(stop),
        };
        if let (StatusCode::METHOD_NOT_ALLOWED, Some(route)) = (response.status(), route) {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(route.allow()));
        }
        response.headers_mut().extend(ask.jar);
        response
    }

    /// Through the door and to the handler.
    async fn pass<B>(&self, ask: &mut Ask, route: Option<&'static route::Route>, body: B) -> Answered
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let method = ask.method().clone();
        if let Some(problem) = self.service.origins.refusal(&method, ask.headers()) {
            return Err(problem.into());
        }
        let route = route.ok_or_else(Problem::not_found)?;
        let handler = route.handler(&method).ok_or_else(Problem::method_not_allowed)?;
        let query = parse_form(ask.raw_query().unwrap_or_default().as_bytes());
        ask.query = query
            .ok_or_else(|| Problem::malformed("The query must be UTF-8, with no parameter repeated."))?;
        if method == Method::POST {
            ask.form = match self.service.take_in(Takes::JsonOrForm, ask.headers(), body).await? {
                Payload::Form(form) => form,
                Payload::Nothing => BTreeMap::default(),
                Payload::Json(_) => return Err(Problem::unsupported_media_type("This is a form.").into()),
            };
        }
        handler(ask).await
    }
}

/// What every answer gets, good or bad.
fn finish(
    mut response: Response<Body>,
    method: &Method,
    id: HeaderValue,
    hsts: Option<&HeaderValue>,
) -> Response<Body> {
    let length = HeaderValue::from(response.body().len());
    if *method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(X_REQUEST_ID, id);
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    set_security_headers(headers, hsts);
    response
}
