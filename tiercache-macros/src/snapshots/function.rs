pub async fn get_user(id: u64) -> Result<User, DbError> {
    use ::tiercache::__private as __tc;
    const __TC_POLICY: __tc::Policy = __tc::Policy::new().ttl(__tc::secs(300));
    static __TC: __tc::Site = __tc::Site::new("user", "get_user", __TC_POLICY);
    let __shape = __tc::Returns::<Result<User, DbError>>::NEW.shape();
    let __call = match __TC.call(|| {}, &[], __shape).part(&id).look() {
        __tc::Look::Hit(hit) => return hit,
        __tc::Look::Miss(call) => call,
    };
    let __body = async move {
        if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
            return ret;
        }
        query(id).await
    };
    __call.load(::core::pin::pin!(__body)).await
}
///The address of what [`get_user`] keeps for these arguments: look at it, replace it, invalidate it.
#[allow(dead_code)]
pub fn get_user_entry(id: u64) -> ::tiercache::Entry<User> {
    use ::tiercache::__private as __tc;
    const __TC_POLICY: __tc::Policy = __tc::Policy::new().ttl(__tc::secs(300));
    static __TC: __tc::Site = __tc::Site::new("user", "get_user", __TC_POLICY);
    let _ = __tc::Returns::<Result<User, DbError>>::NEW.shape().of::<User>();
    __TC.address(|| {}, &[]).part(&id).entry()
}
