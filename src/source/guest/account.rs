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

/// GRANT statements for objects, each a table or `schema.table`. `quote` is the character around names, `to` the account as
/// the product writes it.
pub(in crate::source) fn grants(objects: &[String], quote: char, schema: Option<&str>, to: &str) -> String {
    let quoted = |name: &str| format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")));
    let place = |object: &str| match (object.split_once('.'), schema) {
        (Some((schema, table)), _) => format!("{}.{}", quoted(schema), quoted(table)),
        (None, Some(schema)) => format!("{}.{}", quoted(schema), quoted(object)),
        (None, None) => quoted(object),
    };
    let lines: Vec<String> = objects.iter().map(|object| format!("GRANT SELECT ON {} TO {to};", place(object))).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_name_each_object_and_nothing_else() {
        let objects = ["course".to_owned(), "edu.学生".to_owned(), "a`b".to_owned()];
        assert_eq!(
            grants(&objects, '`', Some("jw"), "'r'@'%'"),
            "GRANT SELECT ON `jw`.`course` TO 'r'@'%';\nGRANT SELECT ON `edu`.`学生` TO 'r'@'%';\nGRANT SELECT ON `jw`.`a``b` TO 'r'@'%';"
        );
    }
}
