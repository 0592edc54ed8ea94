//! `#[cached]` works on every kind of function, whatever it returns, and leaves it the function it was.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use tiercache::{Cache, Entry, cached};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Failure;

type Found = Result<User, Failure>;

fn user(id: u64) -> User {
    User { id }
}

#[allow(clippy::unnecessary_wraps, reason = "a return shape")]
fn some_user(id: u64) -> Option<User> {
    Some(user(id))
}

#[allow(clippy::unnecessary_wraps, reason = "a return shape")]
fn found(id: u64) -> Result<User, Failure> {
    Ok(user(id))
}

#[allow(clippy::unnecessary_wraps, reason = "a return shape")]
fn perhaps_found(id: u64) -> Result<Option<User>, Failure> {
    Ok(Some(user(id)))
}

/// Counts the runs of a body.
#[derive(Default)]
struct Runs(AtomicUsize);

impl Runs {
    const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs a test in a cache of its own.
async fn in_a_cache<T>(test: impl Future<Output = T>) -> T {
    let cache = Cache::builder().build().await.expect("a memory-only cache needs nothing");
    cache.scope(test).await
}

fn key<T: tiercache::Cacheable>(entry: &Entry<T>) -> String {
    entry.key().expect("the arguments can be keys")
}

/// Every context with this return type: two calls run the body once, and a third with another argument once more.
macro_rules! contexts {
    ($shape:ident: $output:ty = $value:ident $(, $option:ident = $choice:ty)?) => {
        mod $shape {
            use super::*;

            #[tokio::test]
            async fn free() {
                static RUNS: Runs = Runs::new();
                #[cached(ttl = 60 $(, $option = $choice)?)]
                async fn find(id: u64) -> $output {
                    RUNS.one_more();
                    $value(id)
                }
                in_a_cache(async {
                    assert_eq!((find(1).await, find(1).await, find(2).await), ($value(1), $value(1), $value(2)));
                    assert_ne!(key(&find_entry(1)), key(&find_entry(2)));
                    assert_eq!(find_entry(2).peek().await, Some(user(2)));
                })
                .await;
                assert_eq!(RUNS.count(), 2);
            }

            #[derive(Default)]
            struct Repo {
                runs: Runs,
            }

            impl Repo {
                #[cached(ttl = 60, skip(self) $(, $option = $choice)?)]
                async fn by_ref(&self, id: u64) -> $output {
                    self.runs.one_more();
                    $value(id)
                }

                #[cached(ttl = 60, skip(self) $(, $option = $choice)?)]
                async fn by_arc(self: Arc<Self>, id: u64) -> $output {
                    self.runs.one_more();
                    $value(id)
                }

                #[cached(ttl = 60 $(, $option = $choice)?)]
                async fn associated(runs: u8, id: u64) -> $output {
                    assert_eq!(runs, 0);
                    $value(id)
                }
            }

            #[tokio::test]
            async fn inherent() {
                let repo = Arc::new(Repo::default());
                in_a_cache(async {
                    assert_eq!((repo.by_ref(1).await, repo.by_ref(1).await), ($value(1), $value(1)));
                    assert_eq!(repo.by_ref(2).await, $value(2));
                    assert_eq!(repo.runs.count(), 2);
                    assert_eq!(repo.clone().by_arc(1).await, $value(1));
                    assert_eq!(repo.clone().by_arc(1).await, $value(1));
                    assert_eq!(repo.runs.count(), 3);
                    assert_eq!(Repo::associated(0, 1).await, $value(1));
                    let keys = [Repo::by_ref_entry(1), Repo::by_arc_entry(1), Repo::associated_entry(0, 1)];
                    assert_eq!(Repo::by_ref_entry(2).peek().await, Some(user(2)));
                    assert!(key(&keys[0]) != key(&keys[1]) && key(&keys[1]) != key(&keys[2]));
                })
                .await;
            }

            struct Generic<T> {
                runs: Runs,
                of: T,
            }

            impl<T: Copy + Into<u64>> Generic<T> {
                #[cached(ttl = 60, skip(self) $(, $option = $choice)?)]
                async fn find(&self) -> $output {
                    self.runs.one_more();
                    $value(self.of.into())
                }
            }

            #[tokio::test]
            async fn generic() {
                let (one, two) = (Generic { runs: Runs::new(), of: 1_u8 }, Generic { runs: Runs::new(), of: 2_u16 });
                in_a_cache(async {
                    assert_eq!((one.find().await, one.find().await, two.find().await), ($value(1), $value(1), $value(2)));
                    assert_ne!(key(&Generic::<u8>::find_entry()), key(&Generic::<u16>::find_entry()));
                })
                .await;
                assert_eq!((one.runs.count(), two.runs.count()), (1, 1));
            }

            trait Native {
                async fn find(&self, id: u64) -> $output;
            }

            impl Native for Repo {
                #[cached(ttl = 60, skip(self), entry = false)]
                async fn find(&self, id: u64) -> $output {
                    self.runs.one_more();
                    $value(id)
                }
            }

            impl Native for u8 {
                #[cached(ttl = 60, skip(self), entry = false)]
                async fn find(&self, id: u64) -> $output {
                    $value(id + u64::from(*self))
                }
            }

            #[tokio::test]
            async fn native_trait() {
                let repo = Repo::default();
                in_a_cache(async {
                    assert_eq!((repo.find(1).await, repo.find(1).await), ($value(1), $value(1)));
                    assert_eq!(1_u8.find(1).await, $value(2));
                })
                .await;
                assert_eq!(repo.runs.count(), 1);
            }

            #[async_trait::async_trait]
            trait Boxed {
                async fn find_boxed(&self, id: u64) -> $output;
            }

            #[async_trait::async_trait]
            impl Boxed for Repo {
                #[cached(ttl = 60, skip(self))]
                async fn find_boxed(&self, id: u64) -> $output {
                    self.runs.one_more();
                    $value(id)
                }
            }

            #[tokio::test]
            async fn async_trait() {
                let repo = Repo::default();
                in_a_cache(async {
                    let boxed: &(dyn Boxed + Sync) = &repo;
                    assert_eq!((boxed.find_boxed(1).await, boxed.find_boxed(1).await), ($value(1), $value(1)));
                    assert_eq!(boxed.find_boxed(2).await, $value(2));
                })
                .await;
                assert_eq!(repo.runs.count(), 2);
            }
        }
    };
}

contexts!(plain: User = user);
contexts!(option: Option<User> = some_user);
contexts!(result: Result<User, Failure> = found);
contexts!(result_option: Result<Option<User>, Failure> = perhaps_found);
contexts!(alias: Found = found, value = User);

/// The names of our locals and of what the expansion needs, taken by the user.
mod hygiene {
    #![no_implicit_prelude]

    use ::core::clone::Clone;
    use ::core::cmp::PartialEq;
    use ::core::fmt::Debug;

    #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
    pub(super) struct Option(pub u64);

    #[allow(dead_code)]
    pub(super) struct Some;

    #[allow(dead_code, non_camel_case_types)]
    pub(super) struct core;

    #[allow(non_snake_case, dead_code)]
    pub(super) fn Ok(_: u8) {}

    pub(super) type Result<T> = ::core::result::Result<T, Option>;

    #[::tiercache::cached(value = Option, prefix = "hygiene")]
    pub(super) async fn taken(__call: u64, __body: u64, __shape: u64, ret: u64, hit: u64, call: u64) -> Result<Option> {
        let door = __call + __body + __shape;
        ::core::result::Result::Ok(Option(door + ret + hit + call))
    }

    ::tiercache::entry! { pub fn taken_address(key: u64) -> Option }

    #[::tiercache::cached(at = taken_address(site))]
    pub(super) async fn at(site: u64) -> Option {
        Option(site)
    }
}

#[tokio::test]
async fn the_users_names_are_the_users() {
    in_a_cache(async {
        assert_eq!(hygiene::taken(1, 2, 3, 4, 5, 6).await, Ok(hygiene::Option(21)));
        assert_eq!(hygiene::at(7).await, hygiene::Option(7));
    })
    .await;
}

/// Arguments of every kind.
mod arguments {
    use std::collections::BTreeMap;

    use super::*;

    #[allow(clippy::needless_lifetimes, reason = "named lifetimes work as well")]
    #[cached]
    pub(super) async fn borrowed<'a>(
        name: &'a str,
        ids: &[u64],
        map: &BTreeMap<String, u64>,
        bytes: [u8; 3],
    ) -> String {
        format!("{name}{ids:?}{map:?}{bytes:?}")
    }

    #[cached(skip(log))]
    pub(super) async fn anonymous(name: impl AsRef<str> + Serialize, log: impl Fn(&str)) -> String {
        log(name.as_ref());
        name.as_ref().to_owned()
    }

    #[cached(skip(log))]
    pub(super) async fn parameters<T, L, const N: usize>(items: Vec<T>, log: L) -> Option<T>
    where
        T: Clone + Serialize + for<'de> Deserialize<'de> + Send + Sync + 'static,
        L: Fn(usize),
    {
        log(N);
        items.get(N).cloned()
    }

    #[cached]
    pub(super) async fn turbofish<T: Default + ToString>() -> String {
        T::default().to_string()
    }

    #[cached(key = (user.id, format!("kind:{kind}")), skip(_token))]
    pub(super) async fn expressions(mut user: User, kind: &str, _token: Rc<str>) -> String {
        user.id += 1;
        format!("{}{kind}", user.id)
    }

    #[cached]
    pub(super) async fn raw(r#type: u8) -> u8 {
        r#type
    }
}

#[tokio::test]
async fn an_error_may_borrow_and_is_then_not_shared() {
    #[derive(Clone, Debug, PartialEq)]
    struct Missing<'a>(&'a str);
    #[cached]
    async fn find<'a>(name: &'a str) -> Result<u64, Missing<'a>> {
        if name.is_empty() { Err(Missing(name)) } else { Ok(name.len() as u64) }
    }
    in_a_cache(async {
        assert_eq!(find("ada").await, Ok(3));
        assert_eq!(find("").await, Err(Missing("")));
    })
    .await;
}

#[test]
fn the_future_is_send_though_the_error_is_not() {
    #[cached]
    async fn find(id: u64) -> Result<u64, Box<dyn std::error::Error>> {
        tokio::task::yield_now().await;
        Ok(id)
    }
    fn assert_send(_: &impl Send) {}
    assert_send(&find(1));
}

#[tokio::test]
async fn arguments_of_every_kind_are_keys() {
    use arguments::*;
    in_a_cache(async {
        let map = [("a".to_owned(), 1)].into();
        assert_eq!(borrowed("x", &[1], &map, [0; 3]).await, r#"x[1]{"a": 1}[0, 0, 0]"#);
        assert_ne!(key(&borrowed_entry("x", &[1], &map, [0; 3])), key(&borrowed_entry("x", &[2], &map, [0; 3])));

        assert_eq!(anonymous("a", |_| ()).await, "a");
        assert_eq!(key(&anonymous_entry("a")), key(&anonymous_entry("a")));
        assert_ne!(key(&anonymous_entry("a")), key(&anonymous_entry("a".to_owned())));

        assert_eq!(parameters::<_, _, 0>(vec![1_u8, 2], |_| ()).await, Some(1));
        assert_eq!(parameters::<_, _, 1>(vec![1_u8, 2], |_| ()).await, Some(2));
        assert_ne!(key(&parameters_entry::<u8, 0>(vec![])), key(&parameters_entry::<u16, 0>(vec![])));
        assert_ne!(key(&parameters_entry::<u8, 0>(vec![])), key(&parameters_entry::<u8, 1>(vec![])));

        assert_eq!((turbofish::<u8>().await, turbofish::<bool>().await), ("0".to_owned(), "false".to_owned()));
        assert_ne!(key(&turbofish_entry::<u8>()), key(&turbofish_entry::<bool>()));

        assert_eq!(expressions(User { id: 1 }, "k", Rc::from("t")).await, "2k");
        assert_ne!(key(&expressions_entry(User { id: 1 }, "k")), key(&expressions_entry(User { id: 1 }, "l")));
        assert_eq!(raw(3).await, 3);
    })
    .await;
}

/// Bodies of every kind.
mod bodies {
    use super::*;

    #[cached]
    pub(super) async fn early(id: u64) -> Result<u64, Box<dyn std::error::Error>> {
        if id == 0 {
            return Err("zero".into());
        }
        let id: u64 = id.to_string().parse()?;
        if id == 1 {
            return Err(Box::new(std::fmt::Error));
        }
        Ok(id)
    }

    #[cached]
    pub(super) async fn borrows_a_local(id: u64) -> usize {
        let text = id.to_string();
        let view = &text[..];
        tokio::task::yield_now().await;
        view.len()
    }

    #[cached]
    pub(super) async fn moves_its_arguments(name: String, names: Vec<String>) -> Vec<String> {
        #![allow(clippy::let_and_return)]
        let mut all = names;
        all.push(name);
        let all = all;
        all
    }

    #[cached(prefix = "bodies:closure")]
    pub(super) async fn collects_closures(by: u64) -> u64 {
        let adds: Box<dyn Fn(u64) -> u64 + Send> = Box::new(move |id| id + by);
        adds(1)
    }

    #[cached(cache_if = |user| user.id > 1)]
    pub(super) async fn conditional(id: u64) -> Option<User> {
        (id > 0).then_some(User { id })
    }

    #[cached]
    pub(super) async fn panics(id: u64) -> u64 {
        panic!("{id}")
    }

    #[cached]
    pub(super) async fn is_not_send(id: u64) -> u64 {
        let shared = Rc::new(id);
        tokio::task::yield_now().await;
        *shared
    }

    pub(super) trait Read {
        fn read(self) -> impl Future<Output = u64> + Send;
    }

    #[cached(skip(reader))]
    pub(super) async fn is_send_as_its_body(id: u64, reader: impl Read) -> Result<u64, Failure> {
        if id == 0 { Err(Failure) } else { Ok(reader.read().await) }
    }
}

#[tokio::test]
async fn bodies_of_every_kind_run_as_without_the_attribute() {
    use bodies::*;
    in_a_cache(async {
        assert_eq!(early(0).await.unwrap_err().to_string(), "zero");
        assert!(early(1).await.is_err());
        assert_eq!(early(2).await.unwrap(), 2);
        assert_eq!(borrows_a_local(100).await, 3);
        assert_eq!(moves_its_arguments("b".to_owned(), vec!["a".to_owned()]).await, ["a", "b"]);
        assert_eq!(collects_closures(2).await, 3);
        assert_eq!((conditional(0).await, conditional(2).await), (None, Some(User { id: 2 })));
        assert_eq!(is_not_send(4).await, 4);
        let panic = tokio::spawn(panics(5)).await.expect_err("the body panics").into_panic();
        assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("5"));
    })
    .await;
}

#[test]
fn the_future_is_send_when_the_bodys_is() {
    fn send<T: Send>(_: &T) {}
    struct Reader;
    impl bodies::Read for Reader {
        async fn read(self) -> u64 {
            1
        }
    }
    send(&bodies::borrows_a_local(1));
    send(&bodies::conditional(1));
    send(&bodies::is_send_as_its_body(1, Reader));
    send(&arguments::borrowed("", &[], &std::collections::BTreeMap::new(), [0; 3]));
    send(&hygiene::at(1));
}

#[test]
fn the_future_is_at_most_512_bytes_larger_than_the_bodys() {
    async fn small(id: u64) -> Result<User, Failure> {
        tokio::task::yield_now().await;
        Ok(User { id })
    }
    async fn large(id: u64) -> Result<User, Failure> {
        let buffer = [u8::try_from(id % 256).unwrap_or(0); 4096];
        tokio::task::yield_now().await;
        Ok(User { id: buffer.iter().map(|byte| u64::from(*byte)).sum() })
    }
    #[cached]
    async fn cached_small(id: u64) -> Result<User, Failure> {
        tokio::task::yield_now().await;
        Ok(User { id })
    }
    #[cached(ttl = 60, none_ttl = 1, cache_if = |user| user.id > 0, prefix = "large")]
    async fn cached_large(id: u64) -> Result<Option<User>, Failure> {
        large(id).await.map(Some)
    }
    let size = |small: usize, cached: usize| assert!(cached <= small + 512, "{small} bytes became {cached}");
    size(size_of_val(&small(1)), size_of_val(&cached_small(1)));
    size(size_of_val(&large(1)), size_of_val(&cached_large(1)));
}
