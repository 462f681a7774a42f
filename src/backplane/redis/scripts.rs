//! The Lua scripts. Each touches keys of one node, or of one person, only: see `keys.rs`.

use fred::types::scripts::Script;
use std::sync::LazyLock;

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::from_lua(include_str!($file)));)*
    };
}

scripts! {
    CLAIM = "lua/claim.lua";
    FORGET = "lua/forget.lua";
    PEOPLE = "lua/people.lua";
    PUBLISH = "lua/publish.lua";
    REGISTER = "lua/register.lua";
    RENEW = "lua/renew.lua";
    TAKE = "lua/take.lua";
}
