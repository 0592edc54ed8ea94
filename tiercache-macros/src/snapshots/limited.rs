async fn find(id: u64) -> Result<User, DbError> {
    use ::tiercache::__private as __tc;
    static __TC_POLICY: __tc::Policy = __tc::Policy::new().timeout(__tc::secs(2));
    let __shape = __tc::Returns::<Result<User, DbError>>::NEW.shape();
    let __call = match __tc::at(&user_entry(id), __shape).over(&__TC_POLICY).look() {
        __tc::Look::Hit(hit) => return hit,
        __tc::Look::Miss(call) => call,
    };
    let __body = async move {
        if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
            return ret;
        }
        query(id).await
    };
    __call
        .load_within(
            ::core::pin::pin!(__body),
            __tc::always(__shape),
            __tc::late(__shape),
        )
        .await
}
