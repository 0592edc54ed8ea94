/// Where a user is.
#[allow(dead_code)]
pub fn user_entry<const SHARD: u8>(id: u64) -> ::tiercache::Entry<User> {
    use ::tiercache::__private as __tc;
    const __TC_POLICY: ::tiercache::Policy = ::tiercache::Policy::new()
        .ttl(::core::time::Duration::from_secs(300));
    static __TC_SITE: __tc::Site = __tc::Site::new("user", "user_entry", __TC_POLICY);
    __TC_SITE.address::<User>(|| {}, &[]).part(&SHARD).part(&id).entry()
}
