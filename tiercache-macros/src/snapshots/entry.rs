/// Where a user is.
#[allow(dead_code)]
pub fn user_entry<const SHARD: u8>(id: u64) -> ::tiercache::Entry<User> {
    use ::tiercache::__private as __tc;
    const __TC_POLICY: __tc::Policy = __tc::Policy::new().ttl(__tc::secs(300));
    static __TC: __tc::Site = __tc::Site::new("user", "user_entry", __TC_POLICY);
    __TC.address(|| {}, &[]).part(&SHARD).part(&id).entry()
}
