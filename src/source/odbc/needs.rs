//! What reading by parts or by watermark needs of a database behind a driver.

use super::connect::Session;
use crate::finding::Text;
use crate::source::incremental::{View, wanted};
use crate::source::{Need, ReadSpec, SourceError};

impl Session {
    /// Whether the product's SQL is known, what its transactions see, and the keys that mappings leave to the catalogue. Nothing
    /// is asked where everything is read in one go.
    ///
    /// # Errors
    /// What keeps the database from being looked at.
    pub fn needs(&self, reads: &[&ReadSpec]) -> Result<Vec<Need>, SourceError> {
        let reads: Vec<&ReadSpec> = reads.iter().copied().filter(|read| wanted(read)).collect();
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        let connection = self.connect()?;
        let product = self.product(&connection)?;
        if product.known().is_none() {
            return Ok(vec![unknown(&product.0)]);
        }
        let mut needs: Vec<Need> = match self.begin(&connection, &product)? {
            View::One | View::Part(_) => None,
            View::ByStatement | View::Moving => Some(several()),
        }
        .into_iter()
        .collect();
        for read in reads {
            let (Some(object), Some(chunks)) = (&read.object, &read.chunks) else { continue };
            if chunks.key.is_empty() {
                let found = self.primary_key(&connection, &product, object)?;
                needs.push(key(object, &found));
            }
        }
        let _ = connection.rollback();
        Ok(needs)
    }
}

fn unknown(product: &str) -> Need {
    Need {
        what: Text::new("分段与增量读取", "reading by parts and of changes"),
        ok: Some(false),
        found: Text::new(
            format!("经 ODBC 读取 {product} 时不支持 [read.changes] 和 [read.chunks]"),
            format!("[read.changes] and [read.chunks] are not known of {product} through ODBC"),
        ),
        remedy: Some(Text::new(
            "删去这两节；MySQL、MariaDB 请改用 kind = \"mysql\"",
            "drop the sections; read MySQL and MariaDB by kind = \"mysql\"",
        )),
    }
}

fn several() -> Need {
    Need {
        what: Text::new("一致的视图", "one consistent view"),
        ok: None,
        found: Text::new(
            "该数据库的事务不是同一时刻的视图：分段读取（[read.chunks]）不能说明删除",
            "transactions of this database do not see one moment: reads by ranges ([read.chunks]) prove no deletions",
        ),
        remedy: Some(Text::new(
            "SQL Server 请管理员打开 ALLOW_SNAPSHOT_ISOLATION，或删去 [read.chunks]",
            "have the administrator of an SQL Server set ALLOW_SNAPSHOT_ISOLATION ON, or drop [read.chunks]",
        )),
    }
}

fn key(object: &str, found: &[String]) -> Need {
    let what = Text::new(format!("{object} 的主键"), format!("primary key of {object}"));
    if !found.is_empty() {
        return Need { what, ok: Some(true), found: Text::new(found.join("、"), found.join(", ")), remedy: None };
    }
    Need {
        what,
        ok: Some(false),
        found: Text::new("驱动程序没有给出主键", "the driver tells none"),
        remedy: Some(Text::new(
            "在 [read.chunks] 中写出能区分每一行的列：key = [\"…\"]",
            "name the columns that tell each row apart in [read.chunks]: key = [\"…\"]",
        )),
    }
}
