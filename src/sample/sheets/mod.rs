//! The tables that the sample school's systems hold.

mod campus;
mod enterprise;
mod internship;
mod life;
mod rosters;
mod staff;
mod students;
mod teaching;
mod timetable;

use super::expected::{Expected, Fate};
use super::sheet::Sheet;
use super::world::World;

/// All sheets of the school.
pub(super) fn all(world: &World) -> Vec<Sheet> {
    let mut sheets = rosters::sheets(world);
    sheets.extend(teaching::sheets(world));
    sheets.extend(students::sheets(world));
    sheets.extend(timetable::sheets(world));
    sheets.extend(life::sheets(world));
    sheets.extend(campus::sheets(world));
    sheets.extend(enterprise::sheets(world));
    sheets.extend(internship::sheets(world));
    sheets.extend(staff::sheets(world));
    sheets
}

/// Tables that a query makes of other rows: how many rows the query gives follows from the rows it reads.
pub(super) fn count_derived(world: &World, expected: &mut Expected) {
    let landed = |expected: &Expected, table: &str| expected.of(table).map_or(0, |t| t.changed);
    let students = landed(expected, "CORE_XS");
    let staff = landed(expected, "CORE_JZG");
    for (table, rows) in [
        ("ODS_XXHXTFWJLSJ", life::visit_sums(world)),
        ("ODS_XSHXSJ", students),
        ("ODS_JSHXSJ", staff),
        ("ODS_XXHXTJCQKSJ", rosters::LINKED),
    ] {
        for _ in 0..rows {
            expected.table(table).add(Fate::Good);
        }
    }
}
