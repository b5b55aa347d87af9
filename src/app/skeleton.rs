//! A settings file to begin with, for `init` where there is none.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Context, Failure, InitRequest};
use crate::finding::Text;

/// The name of a source that nobody named.
const NAME: &str = "main";

/// Stands for the school's code until somebody fills it in.
pub(super) const NO_CODE: &str = "0000000000";

/// Writes the settings file and the folder of mappings, where there is no settings file and the request says where the
/// source is. An existing file is never touched.
pub(super) fn written(context: &Context<'_>, request: &InitRequest) -> Result<Option<PathBuf>, Failure> {
    let file = &context.settings;
    let described = request.file.is_some() || request.url.is_some();
    if file.exists() {
        return match described {
            false => Ok(None),
            true => Err(Failure::Unknown(Text::new(
                format!("{} 已存在：在其中写 [sources.名称]，再用 --source 指明", file.display()),
                format!("{} exists: write [sources.NAME] in it and name it with --source", file.display()),
            ))),
        };
    }
    if !described {
        return Ok(None);
    }
    let text = settings(request)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder.join("mappings")).map_err(|e| Failure::io(&folder.display().to_string(), &e))?;
    fs::write(file, text).map_err(|e| Failure::io(&file.display().to_string(), &e))?;
    Ok(Some(file.clone()))
}

fn settings(request: &InitRequest) -> Result<String, Failure> {
    let name = request.source.as_deref().unwrap_or(NAME);
    let mut out = String::from(
        "# 由 xiaoshu init 写出，请补全；各节说明见 settings.example.toml\n\
         # Written by xiaoshu init; fill it in. settings.example.toml explains every section.\n\n[school]\n\
         code = \"NO_CODE\"                 # 待填：学校标识码，十位 / to fill in: ten digits\nname = \"待填\"\n",
    );
    out = out.replace("NO_CODE", NO_CODE);
    let edition = request.edition.as_deref().unwrap_or("gaozhi-2024.09");
    let _ = write!(out, "edition = {}\n\n[mappings]\ndir = \"mappings\"\n\n[sources.{}]\n", quoted(edition), key(name));
    match (&request.file, &request.url) {
        (Some(path), None) => {
            let kind = request.kind.clone().or_else(|| kind_of(path)).ok_or_else(|| unclear(path))?;
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            let _ = write!(out, "kind = {}\npath = {}\n", quoted(&kind), quoted(&path.display().to_string()));
        }
        (None, Some(url)) => server(url, name, &mut out)?,
        _ => return Err(Failure::Unknown(Text::new("--file 与 --url 只能给一个", "--file and --url exclude each other"))),
    }
    out.push_str("# system = \"XT01\"                   # 信息系统编号 / number of the information system\n");
    out.push_str("# owner = \"教务处\"                   # 数据责任部门 / the department in charge\n");
    Ok(out)
}

/// `mysql://user@host:3306/database`; the password comes from the environment.
fn server(url: &str, name: &str, out: &mut String) -> Result<(), Failure> {
    let wrong = || {
        Failure::Unknown(Text::new(
            "--url 写成 mysql://用户@主机:端口/数据库 或 postgres://…，不写密码",
            "write --url as mysql://user@host:port/database or postgres://…, without the password",
        ))
    };
    let (kind, rest) = url.split_once("://").ok_or_else(wrong)?;
    let kind = match kind {
        "mysql" | "mariadb" => "mysql",
        "postgres" | "postgresql" => "postgres",
        _ => return Err(wrong()),
    };
    let (user, rest) = rest.split_once('@').ok_or_else(wrong)?;
    let (address, database) = rest.split_once('/').ok_or_else(wrong)?;
    // A password on the command line is in the shell's history: it is not taken.
    if user.contains(':') || user.is_empty() || database.is_empty() {
        return Err(wrong());
    }
    let (host, port) = address.rsplit_once(':').map_or((address, None), |(host, port)| (host, Some(port)));
    let _ = writeln!(out, "kind = \"{kind}\"\nhost = {}", quoted(host));
    if let Some(port) = port {
        let port: u16 = port.parse().map_err(|_| wrong())?;
        let _ = writeln!(out, "port = {port}");
    }
    let variable: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let _ = writeln!(
        out,
        "database = {}\nuser = {}                 # 只读账号 / an account that can only read\npassword = {{ env = \"XIAOSHU_{variable}_PASSWORD\" }}",
        quoted(database),
        quoted(user)
    );
    Ok(())
}

fn kind_of(path: &Path) -> Option<String> {
    if path.is_dir() {
        return Some("csv".into());
    }
    let ending = path.extension()?.to_string_lossy().to_ascii_lowercase();
    let kind = match ending.as_str() {
        "csv" | "tsv" | "txt" | "tab" => "csv",
        "db" | "sqlite" | "sqlite3" | "db3" => "sqlite",
        "xlsx" | "xls" | "xlsm" => "excel",
        _ => return None,
    };
    Some(kind.into())
}

fn unclear(path: &Path) -> Failure {
    Failure::Unknown(Text::new(
        format!("看不出 {} 是什么，请给出 --kind", path.display()),
        format!("{} does not show what it is: say --kind", path.display()),
    ))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A bare key, quoted where it is none.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if bare { name.to_owned() } else { quoted(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_on_the_command_line_is_refused() {
        let request = |url: &str| InitRequest { url: Some(url.into()), ..InitRequest::default() };
        let text = settings(&request("mysql://reader@10.0.0.5:3307/jw")).expect("settings");
        assert!(text.contains("port = 3307") && text.contains("env = \"XIAOSHU_MAIN_PASSWORD\""), "{text}");
        for url in ["mysql://reader:secret@h/jw", "oracle://u@h/d", "mysql://h/d", "mysql://u@h"] {
            assert!(settings(&request(url)).is_err(), "{url}");
        }
    }
}
