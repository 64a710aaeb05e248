//! Sign-in at providers from the pages: where somebody wanted to go is kept on the way, and what goes wrong is said by a page.

use auth_core::{AuthBuilder, CreateUser, test_util::Outbox};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{CREDENTIALS, walker::Walker};
use crate::{
    oidc::{GitHub, call_back, under_way},
    second_factor::enrol,
    support::{ADA, Answer, PASSWORD, Req, World},
};

async fn world(database: &TestDatabase) -> (World, Outbox, GitHub) {
    let github = GitHub::start().await;
    let (world, outbox) =
        World::with_mail(database, |builder: AuthBuilder| builder.oidc(github.providers())).await;
    (world, outbox, github)
}

impl Walker {
    /// By the button, through the provider, and to where the service sends the browser then.
    async fn through_provider(&mut self, world: &World) -> Answer {
        let (_, rest) = self.answer.body.split_once("href=\"/oauth/github/authorize").unwrap();
        let address = super::walker::unescaped(rest.split('"').next().unwrap());
        let begun =
            under_way(&world.send(Req::get(&format!("/oauth/github/authorize{address}"))).await.expect(302));
        let answer = call_back(world, &begun, 1).await;
        self.keep(&answer);
        answer
    }

    /// Goes on from another site: the jar keeps its Strict cookies back, and the page sends itself once more.
    async fn arrive(&mut self, location: &str) {
        let path = location.strip_prefix("/account").unwrap().to_owned();
        let jar = std::mem::take(&mut self.jar);
        self.send(Req::get(&path).header("sec-fetch-site", "cross-site")).await;
        self.jar = jar;
        let again = self.again().unwrap();
        self.go(&again).await;
    }
}

each_database! {
    async fn somebody_signs_in_at_a_provider_and_comes_where_they_wanted(database: &TestDatabase) {
        let (world, _, _github) = world(database).await;
        for page in ["/sign-in", "/sign-up"] {
            let mut ada = Walker::new(&world);
            ada.go(&format!("{page}?redirect_to=%2Fapp%3Ftab%3D1")).await;
            ada.sees(200, "Continue with GitHub");
            let answer = ada.through_provider(&world).await;
            let location = answer.header("location").unwrap().to_owned();
            assert_eq!(location, "/account/sign-in?redirect_to=%2Fapp%3Ftab%3D1");
            ada.arrive(&location).await;
            assert_eq!(ada.answer.header("location"), Some("/app?tab=1"));
        }
    }

    async fn the_second_step_after_a_provider_is_that_of_the_pages(database: &TestDatabase) {
        let (world, _, _github) = world(database).await;
        world.auth.create_user(CreateUser::new(ADA).password(PASSWORD).verified()).await.unwrap();
        let ada = enrol(world).await;
        let mut walker = Walker::new(&ada.world);
        walker.go("/sign-in?redirect_to=%2Fapp").await;
        let answer = walker.through_provider(&ada.world).await;
        let location = answer.header("location").unwrap().to_owned();
        assert_eq!(location, "/account/challenge?redirect_to=%2Fapp");
        assert!(answer.cookie().is_none(), "nobody is signed in yet");
        walker.arrive(&location).await;
        walker.sees(200, "Confirm that it is you");
        let body = walker.filled("/challenge", &[("code", &ada.app.next_code())]);
        walker.send(walker.post("/challenge", &body)).await;
        assert_eq!((walker.answer.status.as_u16(), walker.answer.header("location")), (303, Some("/app")));
        // A page elsewhere is told as before.
        let begun = under_way(&ada.world.send(Req::get("/oauth/github/authorize?redirect_to=/app")).await.expect(302));
        let told = call_back(&ada.world, &begun, 1).await;
        assert!(told.header("location").unwrap().starts_with("/app#auth_session="), "{told:?}");
    }

    async fn what_went_wrong_at_the_provider_is_said_by_the_page(database: &TestDatabase) {
        let (world, _, _github) = world(database).await;
        let mut ada = Walker::new(&world);
        ada.go("/sign-in?redirect_to=%2Fapp").await;
        let (_, rest) = ada.answer.body.split_once("href=\"/oauth/github/authorize").unwrap();
        let address = super::walker::unescaped(rest.split('"').next().unwrap());
        let begun = under_way(&world.send(Req::get(&format!("/oauth/github/authorize{address}"))).await.expect(302));
        let denied = world.send(begun.denied()).await.expect(302);
        ada.arrive(denied.header("location").unwrap()).await;
        ada.sees(200, "the provider was told no");
        ada.sees(200, "name=\"redirect_to\" value=\"/app\"");
    }

    async fn an_account_at_a_provider_is_linked_and_unlinked(database: &TestDatabase) {
        let (world, _, _github) = world(database).await;
        world.auth.create_user(CreateUser::new("countess@example.com").password(PASSWORD).verified()).await.unwrap();
        let mut ada = Walker::new(&world);
        ada.go("/sign-in").await;
        ada.submit("/sign-in", &[("email", "countess@example.com"), CREDENTIALS[1]]).await;
        ada.go("/security").await;
        let page = ada.link("/identity?provider=");
        ada.go(&page).await;
        ada.submit("/identity", &[("password", "wrong")]).await;
        ada.sees(422, "The password is wrong.");
        ada.submit("/identity", &[("password", PASSWORD)]).await;
        ada.sees(200, "http-equiv=\"refresh\"");
        let (_, rest) = ada.answer.body.split_once("content=\"0; url=").unwrap();
        let url = super::walker::unescaped(rest.split('"').next().unwrap());
        let begun = ada.under_way(&url);
        let back = call_back(&world, &begun, 1).await;
        ada.arrive(back.header("location").unwrap()).await;
        ada.sees(200, "The account is linked.");
        ada.sees(200, "GitHub<br>");
        let page = ada.link("/identity?id=");
        ada.go(&page).await;
        ada.submit("/identity", &[("password", PASSWORD)]).await;
        ada.sees(200, "The account does not sign you in any more.");
        assert!(!ada.answer.body.contains("/identity?id="));
    }
}
