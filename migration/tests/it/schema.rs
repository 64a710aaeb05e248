use auth_migration::test_util::TestDatabase;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, SqlErr};

use crate::support::{count, id, insert_user, run};

auth_migration::each_database! {
    async fn addresses_that_differ_by_an_accent_or_a_capital_are_two(database: &TestDatabase) {
        let db = database.connect().await;
        for (number, email) in [(1, "jose@x.io"), (2, "josé@x.io"), (3, "Jose@x.io")] {
            insert_user(&db, id(number), email).await.unwrap();
        }
        for (number, email) in [(1, "jose@x.io"), (2, "josé@x.io"), (3, "Jose@x.io")] {
            let query =
                Query::select().column("id").from("auth_user").and_where(Expr::col("email_normalized").eq(email)).take();
            let rows = db.query_all(&query).await.unwrap();
            let found: Vec<Uuid> = rows.iter().map(|row| row.try_get("", "id").unwrap()).collect();
            assert_eq!(found, [id(number)], "{email}");
        }
    }

    async fn one_address_belongs_to_one_user(database: &TestDatabase) {
        let db = database.connect().await;
        insert_user(&db, id(1), "a@example.org").await.unwrap();
        let error = insert_user(&db, id(2), "a@example.org").await.unwrap_err();
        assert!(matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))), "{error:?}");
        assert_eq!(count(&db, "auth_user").await, 1);
    }

    async fn roles_that_differ_by_a_capital_are_two(database: &TestDatabase) {
        let db = database.connect().await;
        insert_user(&db, id(1), "a@example.org").await.unwrap();
        for role in ["admin", "Admin"] {
            let mut insert = Query::insert();
            insert.into_table("auth_user_role").columns(["user_id", "role"]);
            run(&db, insert.values_panic([id(1).into(), role.into()])).await.unwrap();
        }
        assert_eq!(count(&db, "auth_user_role").await, 2);
    }

    async fn what_belongs_to_a_user_goes_with_the_user(database: &TestDatabase) {
        let db = database.connect().await;
        for number in [1, 2] {
            insert_user(&db, id(number), &format!("{number}@example.org")).await.unwrap();
            insert_belongings(&db, id(number), id(number)).await;
        }
        // A token that belongs to nobody, for an address that has no user yet.
        insert_token(&db, id(3), None).await;

        let delete = Query::delete().from_table("auth_user").and_where(Expr::col("id").eq(id(1))).take();
        db.execute(&delete).await.unwrap();
        for table in ["auth_user", "auth_password", "auth_user_role", "auth_session"] {
            assert_eq!(count(&db, table).await, 1, "{table}");
        }
        assert_eq!(count(&db, "auth_one_time_token").await, 2);
    }

    async fn ids_and_seeds_come_back_as_they_were_written(database: &TestDatabase) {
        let db = database.connect().await;
        let user = id(0x00ff_u128 << 120 | 0x80);
        insert_user(&db, user, "a@example.org").await.unwrap();
        insert_belongings(&db, id(7), user).await;

        let query = Query::select().columns(["id", "user_id", "seed"]).from("auth_session").take();
        let row = db.query_one(&query).await.unwrap().unwrap();
        assert_eq!(row.try_get::<Uuid>("", "id").unwrap(), id(7));
        assert_eq!(row.try_get::<Uuid>("", "user_id").unwrap(), user);
        assert_eq!(row.try_get::<Vec<u8>>("", "seed").unwrap(), SEED);
    }
}

/// With zeros at both ends, which padding or trimming would betray.
const SEED: [u8; 32] = {
    let mut seed = [0xa5; 32];
    seed[0] = 0;
    seed[31] = 0;
    seed
};

async fn insert_belongings(db: &DatabaseConnection, row: Uuid, user_id: Uuid) {
    let mut password = Query::insert();
    password.into_table("auth_password").columns(["user_id", "hash", "updated_at"]);
    run(db, password.values_panic([user_id.into(), "$argon2id$".into(), 1.into()])).await.unwrap();

    let mut role = Query::insert();
    role.into_table("auth_user_role").columns(["user_id", "role"]);
    run(db, role.values_panic([user_id.into(), "admin".into()])).await.unwrap();

    let numbers =
        ["epoch", "newest", "last_used", "oldest_unused", "created_at", "last_used_at", "expires_at"];
    let mut session = Query::insert();
    session
        .into_table("auth_session")
        .columns(["id", "user_id", "seed", "methods"].into_iter().chain(numbers));
    let texts = [row.into(), user_id.into(), SEED.to_vec().into(), "pwd".into()];
    run(db, session.values_panic(texts.into_iter().chain(numbers.map(|_| i64::MAX.into())))).await.unwrap();

    insert_token(db, row, Some(user_id)).await;
}

async fn insert_token(db: &DatabaseConnection, row: Uuid, user: Option<Uuid>) {
    let mut token = Query::insert();
    token
        .into_table("auth_one_time_token")
        .columns(["id", "user_id", "purpose", "seed", "created_at", "expires_at"])
        .values_panic([
            row.into(),
            user.into(),
            "verify-email".into(),
            SEED.to_vec().into(),
            1.into(),
            2.into(),
        ]);
    run(db, &token).await.unwrap();
}
