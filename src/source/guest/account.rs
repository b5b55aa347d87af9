//! Accounts that can read and nothing else.

use crate::finding::Text;

/// What a check says of an account that can write.
pub(in crate::source) fn writer_note(user: &str, accepted: bool) -> Text {
    if accepted {
        return Text::new(
            format!("账号 {user} 有写权限，设置中已记录接受（guest.allow_writes）"),
            format!("the account {user} can write, which the settings accept (guest.allow_writes)"),
        );
    }
    Text::new(
        format!("账号 {user} 对数据库有写权限，运行时将被拒绝；读取只需要 SELECT，请改用只读账号"),
        format!(
            "the account {user} can write and will be refused in a run; reading needs SELECT only, so use a read-only account"
        ),
    )
}
