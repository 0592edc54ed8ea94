async fn posts(db: &Pool, user: &User, id: PostId) -> Result<Post, DbError> {
    use ::tiercache::__private as __tc;
    static __TC: __tc::Site = __tc::Site::new("user", "posts", __tc::Policy::new());
    let __shape = __tc::Returns::<Result<Post, DbError>>::NEW.shape();
    let __call = match __TC.call(|| {}, &[], __shape).part(&user).part(&id).look() {
        __tc::Look::Hit(hit) => return hit,
        __tc::Look::Miss(call) => {
            call.tag(&::core::format_args!("user:{id}"))
                .tag("users")
                .tag(&user.team)
                .tag(&format!("{}:{id:?}", user.team))
        }
    };
    let __body = async move {
        if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
            return ret;
        }
        db.post(user, id).await
    };
    __call.load(::core::pin::pin!(__body)).await
}
///The address of what [`posts`] keeps for these arguments: look at it, replace it, invalidate it.
#[allow(dead_code)]
fn posts_entry(user: &User, id: PostId) -> ::tiercache::Entry<Post> {
    use ::tiercache::__private as __tc;
    static __TC: __tc::Site = __tc::Site::new("user", "posts", __tc::Policy::new());
    let _ = __tc::Returns::<Result<Post, DbError>>::NEW.shape().of::<Post>();
    __TC.address(|| {}, &[])
        .part(&user)
        .part(&id)
        .tag(&::core::format_args!("user:{id}"))
        .tag("users")
        .tag(&user.team)
        .tag(&format!("{}:{id:?}", user.team))
        .entry()
}
