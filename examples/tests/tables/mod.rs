//! Tables as the frameworks make them, with hashes of their tools. The password of all is `correct horse battery`.

pub(super) const FASTAPI: &str = r"
    CREATE TABLE users (
        id serial PRIMARY KEY, email text UNIQUE NOT NULL, hashed_password text NOT NULL,
        is_active boolean NOT NULL DEFAULT true, created_at timestamptz NOT NULL DEFAULT now()
    );
    INSERT INTO users (email, hashed_password, is_active) VALUES
        ('Ada@Example.com', '$2b$04$Q.UMGx667PrSCj77sTCpleVK2frbkKccsup6kY03LFvj9iEiiSUnG', true),
        ('grace@example.com', '$argon2id$v=19$m=65536,t=3,p=4$urd/uKjXJLoi8FhwZNBojA$zamTk5CfTx7re+xArJNihvmuMDF/ZaCctqtag3Vdja8', true),
        ('gone@example.com', '$2b$04$Q.UMGx667PrSCj77sTCpleVK2frbkKccsup6kY03LFvj9iEiiSUnG', false),
        ('jösé@example.com', '$2b$04$Q.UMGx667PrSCj77sTCpleVK2frbkKccsup6kY03LFvj9iEiiSUnG', true),
        ('old@example.com', '$pbkdf2-sha256$29000$vbfWGuOc8x7jnBOCsLY2Zg$GrOgHEob7OfWUM6f.nvx8NOnH3lP3tt7nG48a.JNfR4', true);
";
pub(super) const DJANGO: &str = r"
    CREATE TABLE auth_user (
        id serial PRIMARY KEY, password varchar(128) NOT NULL, last_login timestamptz, is_superuser boolean NOT NULL,
        username varchar(150) UNIQUE NOT NULL, email varchar(254) NOT NULL, is_staff boolean NOT NULL,
        is_active boolean NOT NULL, date_joined timestamptz NOT NULL
    );
    INSERT INTO auth_user (password, is_superuser, username, email, is_staff, is_active, date_joined) VALUES
        ('pbkdf2_sha256$1000000$iLtRfAN1GWTXB1z9d5zFWi$jhypm1+AZ+VA6EK6wPq0xGvuUQ0kZCdonbEr7MiZq2Q=', true, 'ada', 'ada@example.com', true, true, now()),
        ('!0Fy4kPwo5c3m', false, 'gone', 'gone@example.com', true, true, now());
";
pub(super) const DEVISE: &str = r"
    CREATE TABLE users (
        id bigserial PRIMARY KEY, email varchar NOT NULL DEFAULT '', encrypted_password varchar NOT NULL DEFAULT '',
        confirmed_at timestamp(6), created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL
    );
    INSERT INTO users (email, encrypted_password, confirmed_at, created_at, updated_at) VALUES
        ('ada@example.com', '$2a$12$YVujkxQTMfKx3WMIhwJq7O1wprrtup7vODpvA6NAztQCjPjg3VBki', now(), now() AT TIME ZONE 'UTC', now()),
        ('gone@example.com', '', NULL, now() AT TIME ZONE 'UTC', now());
";
pub(super) const ASPNET: &str = r#"
    CREATE TABLE "AspNetUsers" ("Id" text PRIMARY KEY, "Email" varchar(256), "EmailConfirmed" boolean NOT NULL, "PasswordHash" text);
    CREATE TABLE "AspNetRoles" ("Id" text PRIMARY KEY, "Name" varchar(256));
    CREATE TABLE "AspNetUserRoles" ("UserId" text NOT NULL, "RoleId" text NOT NULL);
    INSERT INTO "AspNetRoles" VALUES ('1', 'Admin'), ('2', 'Editor');
    INSERT INTO "AspNetUsers" VALUES
        ('018f0000-0000-7000-8000-000000000001', 'ada@example.com', true, 'AQAAAAIAAYagAAAAEIjC5pelTTRjZW07o/atAYldW9+FOPG1f2FvelGZkgJwZr56ui0IS6yiWgd7HwKx+A=='),
        ('018f0000-0000-7000-8000-000000000002', 'gone@example.com', false, NULL);
    INSERT INTO "AspNetUserRoles" VALUES
        ('018f0000-0000-7000-8000-000000000001', '1'), ('018f0000-0000-7000-8000-000000000001', '2');
"#;

pub(super) const FASTAPI_USERS: &str = r#"
    CREATE TABLE "user" (
        id uuid PRIMARY KEY, email varchar(320) UNIQUE NOT NULL, hashed_password varchar(1024) NOT NULL,
        is_active boolean NOT NULL, is_superuser boolean NOT NULL, is_verified boolean NOT NULL
    );
    INSERT INTO "user" VALUES
        ('5f0c3a52-8f6e-4c8e-9a53-0d6c1f1e7a01', 'ada@example.com', '$argon2id$v=19$m=65536,t=3,p=4$urd/uKjXJLoi8FhwZNBojA$zamTk5CfTx7re+xArJNihvmuMDF/ZaCctqtag3Vdja8', true, true, true),
        ('5f0c3a52-8f6e-4c8e-9a53-0d6c1f1e7a02', 'old@example.com', '$2b$04$Q.UMGx667PrSCj77sTCpleVK2frbkKccsup6kY03LFvj9iEiiSUnG', true, false, false),
        ('5f0c3a52-8f6e-4c8e-9a53-0d6c1f1e7a03', 'gone@example.com', '$2b$04$Q.UMGx667PrSCj77sTCpleVK2frbkKccsup6kY03LFvj9iEiiSUnG', false, false, true);
"#;
pub(super) const SUPABASE: &str = r"
    CREATE SCHEMA auth;
    CREATE TABLE auth.users (
        instance_id uuid, id uuid PRIMARY KEY, aud varchar(255), role varchar(255), email varchar(255),
        encrypted_password varchar(255), email_confirmed_at timestamptz, raw_app_meta_data jsonb, phone text,
        banned_until timestamptz, deleted_at timestamptz, is_sso_user boolean NOT NULL DEFAULT false,
        is_anonymous boolean NOT NULL DEFAULT false, created_at timestamptz, updated_at timestamptz
    );
    INSERT INTO auth.users (id, role, email, encrypted_password, email_confirmed_at, banned_until, created_at) VALUES
        (gen_random_uuid(), 'authenticated', 'ada@example.com', '$2a$12$YVujkxQTMfKx3WMIhwJq7O1wprrtup7vODpvA6NAztQCjPjg3VBki', now(), NULL, now()),
        (gen_random_uuid(), 'authenticated', 'gone@example.com', '$2a$12$YVujkxQTMfKx3WMIhwJq7O1wprrtup7vODpvA6NAztQCjPjg3VBki', now(), now() + interval '1 day', now()),
        (gen_random_uuid(), 'authenticated', 'gone.to.google@example.com', '', now(), NULL, now()),
        (gen_random_uuid(), 'authenticated', 'gone.from.firebase@example.com', '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=a2V5$c2FsdA==$aGFzaA==', NULL, NULL, now()),
        (gen_random_uuid(), 'authenticated', NULL, '', NULL, NULL, now());
    INSERT INTO auth.users (id, email, is_sso_user, is_anonymous, deleted_at) VALUES
        (gen_random_uuid(), 'sso@example.com', true, false, NULL), (gen_random_uuid(), '', false, true, NULL),
        (gen_random_uuid(), 'deleted@example.com', false, false, now());
";
pub(super) const DJANGO_GROUPS: &str = r"
    CREATE TABLE auth_group (id serial PRIMARY KEY, name varchar(150) UNIQUE NOT NULL);
    CREATE TABLE auth_user_groups (id bigserial PRIMARY KEY, user_id integer NOT NULL, group_id integer NOT NULL);
    INSERT INTO auth_group (name) VALUES ('Chief Editors'), ('Readers');
    INSERT INTO auth_user_groups (user_id, group_id) VALUES (1, 2), (1, 1);
";
