async fn find(&self, id: u64) -> Result<User, DbError> {
    use shop::cache::tiercache::__private as __tc;
    let __shape = __tc::Returns::<Result<User, DbError>>::NEW.shape();
    let __call = match __tc::at(&user_entry(id), __shape).look() {
        __tc::Look::Hit(hit) => return hit,
        __tc::Look::Miss(call) => call,
    };
    let __body = async move {
        if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
            return ret;
        }
        self.query(id).await
    };
    __call.load(::core::pin::pin!(__body)).await
}
