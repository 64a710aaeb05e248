//! Providers: the ways to sign in with them, and `/identity`, where an account there is linked to one here, or taken from it.

use askama::Template;
use auth_core::{
    Error, Identity, Password, Principal,
    oidc::{IDENTITY_NOT_FOUND, Oidc, Start},
};
use uuid::Uuid;

use super::{
    ask::{Answered, Ask, Refused, Stop},
    redirect::Target,
    security, sign_in,
    texts::fill,
    view::{Detour, Frame, Input},
};
use crate::{Endpoint, endpoint, problem::Problem, service::Refusal};

pub(super) const PATH: &str = "/identity";

/// A way to sign in.
pub(super) struct Provider {
    /// What people call it.
    pub(super) called: String,
    pub(super) address: String,
}

/// What the section of the security page shows.
pub(super) struct Section {
    pub(super) rows: Vec<Row>,
    /// Those that can be linked.
    pub(super) others: Vec<Provider>,
}

/// A linked identity.
pub(super) struct Row {
    pub(super) called: String,
    pub(super) about: String,
    pub(super) page: String,
}

/// Those to sign in with; the way comes back to the page for that, which knows what went wrong and where to go on.
pub(super) fn providers(ask: &Ask, target: &Target) -> Vec<Provider> {
    let back = target.kept_in(&ask.at(sign_in::PATH)).into_owned();
    doors(ask, &Target::here(&back), "")
}

/// Those at which somebody without anything else shows once more who they are.
pub(super) fn providers_again(ask: &Ask, target: &Target) -> Vec<Provider> {
    doors(ask, target, "?max_age=0")
}

fn doors(ask: &Ask, target: &Target, query: &str) -> Vec<Provider> {
    let service = &ask.pages.service;
    let oidc = ask.auth().oidc().filter(|_| service.mounted.contains(&Endpoint::OAUTH_AUTHORIZE));
    let names = oidc.iter().flat_map(Oidc::providers);
    names
        .map(|name| {
            let door = format!("{}/oauth/{name}/authorize{query}", service.mounted_at);
            Provider { called: called(name), address: target.kept_in(&door).into_owned() }
        })
        .collect()
}

/// As it writes itself, as far as that is known here.
fn called(name: &str) -> String {
    match name {
        "github" => "GitHub".to_owned(),
        "gitlab" => "GitLab".to_owned(),
        _ => {
            let mut chars = name.chars();
            chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
        }
    }
}

/// What is said of a sign-in at a provider that came to nothing.
pub(super) fn failure(ask: &Ask) -> Option<&'static str> {
    let texts = ask.texts();
    Some(match ask.query.get("error")?.as_str() {
        "access_denied" => texts.provider_denied,
        "email_taken" | "link_required" => texts.provider_link_first,
        "email_missing" | "email_unverified" | "email_invalid" | "email_domain" => texts.provider_email,
        "sign_up_closed" => texts.sign_up_closed,
        "identity_taken" => texts.provider_taken,
        "sign_in_not_recent" => texts.provider_not_recent,
        _ => texts.provider_failed,
    })
}

pub(super) async fn section(ask: &Ask, caller: &Principal) -> Result<Option<Section>, Stop> {
    let Some(oidc) = ask.auth().oidc() else { return Ok(None) };
    let rows = oidc.identities(caller).await?.iter().map(|identity| row(ask, identity)).collect();
    let others = oidc
        .providers()
        .map(|name| Provider { called: called(name), address: format!("{}?provider={name}", ask.at(PATH)) });
    Ok(Some(Section { rows, others: others.collect() }))
}

fn row(ask: &Ask, identity: &Identity) -> Row {
    let (texts, moment) = (ask.texts(), |at| ask.language.moment(at));
    let since = fill(texts.since, &[("time", &moment(identity.created_at))]);
    let used = identity.last_used_at.map(|at| fill(texts.last_used, &[("time", &moment(at))]));
    let parts: Vec<_> = identity.email.clone().into_iter().chain([since]).chain(used).collect();
    Row {
        called: called(&identity.provider),
        about: parts.join(" · "),
        page: format!("{}?id={}", ask.at(PATH), identity.id),
    }
}

#[derive(Template)]
#[template(path = "identity.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    text: String,
    /// The field that says what it is about, and its value.
    about: (&'static str, String),
    password: Option<Input>,
    button: &'static str,
}

/// What is linked, or taken away: by the address of the page, or by the form.
enum About {
    Provider(String),
    Identity(Identity),
}

pub(super) async fn show(ask: &mut Ask) -> Answered {
    let who = ask.who_arrives(PATH).await?;
    let (caller, _) = ask.signed_in(who, security::PATH).await?;
    let asked = |name: &str| ask.query.get(name).cloned();
    let about = about(ask, &caller, asked("provider"), asked("id")).await?;
    page(ask, &caller, &about, None).await
}

/// The same rules as `POST /users/me/identities` and `DELETE /users/me/identities/{id}`.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, _) = ask.signed_in(who, security::PATH).await?;
    let sent = |name: &str| ask.form.get(name).cloned();
    let about = about(ask, &caller, sent("provider"), sent("id")).await?;
    let password = ask.password_again();
    let done = match &about {
        About::Provider(name) => link(ask, &caller, name, password).await,
        About::Identity(identity) => {
            let oidc = ask.auth().oidc().ok_or_else(Problem::not_found)?;
            match oidc.unlink(&caller, identity.id, password, ask.client.clone()).await {
                Ok(()) | Err(Error::Refused(IDENTITY_NOT_FOUND)) => {
                    Ok(Ask::go(&security::told(ask, "unlinked")))
                }
                Err(error) => Err(error),
            }
        }
    };
    match done {
        Ok(answered) => answered,
        Err(error) => {
            let refused = ask.refused_or_sent_to_confirm(error, &address(&about))?;
            let page = page(ask, &caller, &about, Some(&refused)).await;
            refused.answer(page)
        }
    }
}

/// By a page that sends itself on: a form that is sent on to another site is stopped by the policy of its page.
async fn link(
    ask: &mut Ask,
    caller: &Principal,
    name: &str,
    password: Option<Password>,
) -> Result<Answered, Error> {
    let start = Start::new(name).redirect_to(security::told(ask, "linked")).client(ask.client.clone());
    let mut jar = std::mem::take(&mut ask.jar);
    let begun =
        endpoint::begin_link(&ask.pages.service, (ask.headers(), &mut jar), caller, password, start).await;
    ask.jar = jar;
    match begun {
        Ok(again) => {
            let mut frame = ask.frame(ask.texts().detour_title, security::PATH);
            frame.signed_in = true;
            Ok(Ask::page(&Detour { frame, again }, &Target::default()))
        }
        Err(Refusal::Rule(error)) => Err(error),
        Err(Refusal::Problem(problem)) => Ok(Err(problem.into())),
    }
}

async fn about(
    ask: &Ask,
    caller: &Principal,
    provider: Option<String>,
    id: Option<String>,
) -> Result<About, Stop> {
    let oidc = ask.auth().oidc().ok_or_else(Problem::not_found)?;
    if let Some(name) = provider {
        let is_known = oidc.providers().any(|known| known == name);
        return if is_known { Ok(About::Provider(name)) } else { Err(Problem::not_found().into()) };
    }
    let id = id.and_then(|id| id.parse::<Uuid>().ok()).ok_or_else(Problem::not_found)?;
    let all = oidc.identities(caller).await?;
    let found = all.into_iter().find(|identity| identity.id == id);
    Ok(About::Identity(found.ok_or_else(Problem::not_found)?))
}

fn address(about: &About) -> String {
    match about {
        About::Provider(name) => format!("{PATH}?provider={name}"),
        About::Identity(identity) => format!("{PATH}?id={}", identity.id),
    }
}

async fn page(ask: &Ask, caller: &Principal, about: &About, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let name = match about {
        About::Provider(name) => called(name),
        About::Identity(identity) => called(&identity.provider),
    };
    let (title, text, button) = match about {
        About::Provider(_) => (texts.link_identity_title, texts.link_identity_text, texts.go_on),
        About::Identity(_) => (texts.unlink_title, texts.unlink_text, texts.unlink),
    };
    let mut frame = ask.frame(title, &address(about));
    frame.signed_in = true;
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let page = Page {
        text: fill(text, &[("provider", &name)]),
        about: match about {
            About::Provider(name) => ("provider", name.clone()),
            About::Identity(identity) => ("id", identity.id.to_string()),
        },
        password: ask.password_field(caller, &frame).await?,
        button,
        frame,
    };
    Ask::page(&page, &Target::default())
}
