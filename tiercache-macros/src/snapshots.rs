//! What the attributes write, as `cargo expand` shows it. Bless with `UPDATE_EXPECT=1`.

use expect_test::{ExpectFile, expect_file};
use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::File;

/// Lines that the attribute may add to a function, its docs and companion apart.
const BUDGET: usize = 15;

fn cached(options: TokenStream, item: TokenStream, expected: &ExpectFile) {
    within(BUDGET, options, item, expected);
}

fn invalidates(targets: TokenStream, item: TokenStream, expected: &ExpectFile) {
    pinned(BUDGET, crate::run::invalidates(targets, &item), item, expected);
}

/// Options, parts of the key and types that no longer fit on one line have a line each.
fn within(budget: usize, options: TokenStream, item: TokenStream, expected: &ExpectFile) {
    pinned(budget, crate::run::cached(options, &item), item, expected);
}

fn pinned(budget: usize, expanded: TokenStream, item: TokenStream, expected: &ExpectFile) {
    let expanded: File = syn::parse2(expanded).expect("the expansion is Rust");
    expected.assert_eq(&prettyplease::unparse(&expanded));
    let lines = |item: TokenStream| {
        let file = syn::parse2(item).expect("the function is Rust");
        prettyplease::unparse(&file).lines().count()
    };
    let (before, after) = (lines(item), lines(expanded.items[0].to_token_stream()));
    assert!(after <= before + budget, "{before} lines became {after}");
}

fn entry(input: TokenStream, expected: &ExpectFile) {
    let expanded: File = syn::parse2(crate::run::declared(input)).expect("the expansion is Rust");
    expected.assert_eq(&prettyplease::unparse(&expanded));
}

#[test]
fn a_function() {
    cached(
        quote!(ttl = 300, prefix = "user"),
        quote! {
            pub async fn get_user(id: u64) -> Result<User, DbError> {
                query(id).await
            }
        },
        &expect_file!["snapshots/function.rs"],
    );
}

#[test]
fn no_options() {
    cached(
        quote!(),
        quote! {
            async fn answer() -> u32 {
                42
            }
        },
        &expect_file!["snapshots/no_options.rs"],
    );
}

#[test]
fn every_option() {
    within(
        BUDGET + 16,
        quote!(
            ttl = "1h30m",
            l1_ttl = 30,
            none_ttl = "1500ms",
            prefix = "shop:user-profile",
            skip(db),
            key = (tenant.id, &name.0),
            cache = "profiles",
            cache_if = |profile| profile.complete,
            version = 2,
            id = "shop.profile_of",
            value = UserProfile,
            codec = "json",
            write = "behind",
            entry = profile_address,
        ),
        quote! {
            /// What we know of a user.
            #[instrument(skip_all)]
            #[cfg(feature = "profiles")]
            #[cfg_attr(docsrs, doc(hidden), must_use)]
            pub(crate) async fn profile_of(db: &Pool, tenant: &Tenant, mut name: Name) -> Found<UserProfile> {
                name.normalize();
                db.profile(tenant, name).await?.map(Into::into)
            }
        },
        &expect_file!["snapshots/every_option.rs"],
    );
}

#[test]
fn a_generic_method() {
    within(
        BUDGET + 9,
        quote!(key = (self.tenant, id, kind), skip(log)),
        quote! {
            async fn load<'a, 'l, K, L: Log<K>, M, const N: usize, const S: usize>(
                &self,
                id: &'a str,
                kind: impl Into<Kind<N>>,
                log: &'l [L; S],
            ) -> Result<Option<Row<K>>, Error>
            where
                K: DeserializeOwned,
                L: 'l,
                Self: Sized,
            {
                self.run::<M>(id, kind, log).await
            }
        },
        &expect_file!["snapshots/generic_method.rs"],
    );
}

#[test]
fn a_method_that_async_trait_has_rewritten() {
    cached(
        quote!(ttl = 60, skip(self)),
        quote! {
            #[allow(clippy::type_complexity)]
            fn find<'life0, 'life1, 'async_trait>(
                &'life0 self,
                name: &'life1 str,
            ) -> ::core::pin::Pin<
                Box<dyn ::core::future::Future<Output = Result<User, Error>> + ::core::marker::Send + 'async_trait>,
            >
            where
                'life0: 'async_trait,
                'life1: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(async move {
                    if let ::core::option::Option::Some(__ret) = ::core::option::Option::None::<Result<User, Error>> {
                        #[allow(unreachable_code)]
                        return __ret;
                    }
                    let __self = self;
                    let __ret: Result<User, Error> = { __self.query(name).await };
                    #[allow(unreachable_code)]
                    __ret
                })
            }
        },
        &expect_file!["snapshots/async_trait.rs"],
    );
}

#[test]
fn a_function_at_an_address() {
    cached(
        quote!(at = user_entry(id), skip(self), crate = shop::cache::tiercache),
        quote! {
            async fn find(&self, id: u64) -> Result<User, DbError> {
                self.query(id).await
            }
        },
        &expect_file!["snapshots/at.rs"],
    );
}

#[test]
fn a_function_with_tags() {
    within(
        BUDGET + 4,
        quote!(prefix = "user", skip(db), tags("user:{id}", "users", user.team, format!("{}:{id:?}", user.team))),
        quote! {
            async fn posts(db: &Pool, user: &User, id: PostId) -> Result<Post, DbError> {
                db.post(user, id).await
            }
        },
        &expect_file!["snapshots/tags.rs"],
    );
}

#[test]
fn a_batch() {
    within(
        BUDGET + 3,
        quote!(batch(ids, |id| user_entry(&tenant, *id))),
        quote! {
            pub async fn get_users(db: &Db, mut tenant: String, ids: &[u64]) -> Result<HashMap<u64, User>, DbError> {
                tenant.push('/');
                query(db, &tenant, ids).await
            }
        },
        &expect_file!["snapshots/batch.rs"],
    );
}

#[test]
fn a_body_that_can_outlive_its_caller() {
    within(
        BUDGET + 29,
        quote!(
            ttl = 300,
            stale_if_error = 600,
            stale_while_revalidate = 60,
            refresh_ahead = "auto",
            timeout = "2s",
            soft_timeout = "50ms",
            jitter = 0.1,
            detach,
            ttl_from = |token| token.life,
            cache_if = |token| token.valid,
            skip(self),
        ),
        quote! {
            async fn token(&self, tenant: &str, id: u64) -> Result<Token, Error> {
                self.issue(tenant, id).await
            }
        },
        &expect_file!["snapshots/apart.rs"],
    );
}

#[test]
fn a_time_limit_at_an_address() {
    within(
        BUDGET + 4,
        quote!(at = user_entry(id), timeout = "2s"),
        quote! {
            async fn find(id: u64) -> Result<User, DbError> {
                query(id).await
            }
        },
        &expect_file!["snapshots/limited.rs"],
    );
}

#[test]
fn a_writer() {
    invalidates(
        quote!(get_user_entry(user.id), |renamed| get_name_entry(&renamed.name), prefix("search"), tags("user:{user}")),
        quote! {
            async fn rename(user: User) -> Result<User, DbError> {
                query(user).await
            }
        },
        &expect_file!["snapshots/writer.rs"],
    );
}

#[test]
fn an_updater() {
    let (entry, item) = (
        quote!(get_user_entry(user.id), |renamed| get_name_entry(&renamed.name), prefix("search"), always),
        quote! {
            async fn save(user: User) -> Result<User, DbError> {
                query(user).await
            }
        },
    );
    pinned(BUDGET, crate::run::updates(entry, &item), item, &expect_file!["snapshots/updater.rs"]);
}

#[test]
fn a_writer_that_async_trait_has_rewritten() {
    invalidates(
        quote!(everything, always, self.address, crate = shop::tiercache),
        quote! {
            fn reset<'life0, 'async_trait>(
                &'life0 mut self,
            ) -> ::core::pin::Pin<
                Box<dyn ::core::future::Future<Output = ()> + ::core::marker::Send + 'async_trait>,
            >
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(async move {
                    let mut __self = self;
                    let () = { __self.truncate().await };
                })
            }
        },
        &expect_file!["snapshots/boxed_writer.rs"],
    );
}

#[test]
fn an_address() {
    entry(
        quote! {
            /// Where a user is.
            pub fn user_entry<const SHARD: u8>(id: u64) -> User;
            prefix = "user", ttl = 300
        },
        &expect_file!["snapshots/entry.rs"],
    );
}
