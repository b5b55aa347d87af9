//! From a table document to a plan.

use std::collections::HashMap;
use std::sync::Arc;

use super::document::{FieldDocument, PersonDocument, TableDocument};
use super::load::{CodeSets, Source};
use super::{
    CodeSet, Condition, DateOrder, Domain, FieldIdx, FieldPlan, FieldType, Format, Frequency, KeyPart, Kind, Length, LoadError,
    NaturalKey, NumberKind, Paper, PersonPlan, RefTarget, Reference, Required, Roles, Scope, Sensitivity, TableId, TablePlan,
};

/// Finds tables, fields and code sets while plans are compiled, and shares texts that come often.
pub(super) struct Resolver<'a> {
    fields: HashMap<(&'a str, &'a str), RefTarget>,
    sets: &'a CodeSets,
    level: &'a str,
    texts: HashMap<String, Arc<str>>,
}

impl<'a> Resolver<'a> {
    /// `level` is that of the edition that was asked for.
    pub(super) fn new(sources: &'a [Source], sets: &'a CodeSets, level: &'a str) -> Self {
        let mut fields = HashMap::new();
        for (t, source) in sources.iter().enumerate() {
            for (f, (name, _)) in source.document.properties.0.iter().enumerate() {
                let target = RefTarget { table: TableId(t as u16), field: FieldIdx(f as u16) };
                fields.insert((source.document.table.as_str(), name.as_str()), target);
            }
        }
        Self { fields, sets, level, texts: HashMap::new() }
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(found) = self.texts.get(text) {
            return Arc::clone(found);
        }
        let arc: Arc<str> = Arc::from(text);
        self.texts.insert(text.to_owned(), Arc::clone(&arc));
        arc
    }
}

/// Compiles one table.
pub(super) fn table(id: TableId, source: &Source, resolver: &mut Resolver<'_>) -> Result<TablePlan, LoadError> {
    compile(id, source, resolver).map_err(|reason| LoadError::Form { file: source.file.clone(), reason })
}

fn compile(id: TableId, source: &Source, resolver: &mut Resolver<'_>) -> Result<TablePlan, String> {
    let doc = &source.document;
    let mut by_name = HashMap::with_capacity(doc.properties.0.len());
    for (i, (name, _)) in doc.properties.0.iter().enumerate() {
        if by_name.insert(resolver.text(name), FieldIdx(i as u16)).is_some() {
            return Err(format!("field {name} stands twice"));
        }
    }
    let find = |name: &str| by_name.get(name).copied().ok_or_else(|| format!("there is no field {name}"));
    let key = natural_key(doc, &find)?;
    let roles = roles(doc, &find)?;
    let orders =
        doc.orders.iter().map(|[a, b]| Ok(DateOrder { earlier: find(a)?, later: find(b)? })).collect::<Result<_, String>>()?;
    let person = doc.person.as_ref().map(|p| person(p, resolver, &find)).transpose()?;
    let core = source.edition.is_core();
    let fields = doc
        .properties
        .0
        .iter()
        .map(|(name, field)| compile_field(name, field, core, resolver, &find).map_err(|e| format!("{name}: {e}")))
        .collect::<Result<_, _>>()?;
    Ok(TablePlan {
        id,
        edition: source.edition.clone(),
        name: resolver.text(&doc.table),
        label_zh: resolver.text(&doc.title),
        label_en: resolver.text(&doc.title_en),
        domain: Domain::ALL
            .into_iter()
            .find(|d| d.name() == doc.domain)
            .ok_or_else(|| format!("there is no domain {}", doc.domain))?,
        kind: kind(&doc.kind)?,
        frequency: Frequency::from_key(&doc.frequency.key).ok_or_else(|| format!("unknown frequency {}", doc.frequency.key))?,
        scope: scope(&doc.scope.rows, &doc.scope.from)?,
        anonymous: doc.anonymous,
        fields,
        key,
        roles,
        orders,
        person,
        by_name,
        part: None,
    })
}

fn kind(name: &str) -> Result<Kind, String> {
    match name {
        "state" => Ok(Kind::State),
        "log" => Ok(Kind::Log),
        other => Err(format!("x-kind {other} is neither state nor log")),
    }
}

fn scope(rows: &str, from: &str) -> Result<Scope, String> {
    Ok(match rows {
        "all" => Scope::All,
        "term" => Scope::Term,
        "school_year" => Scope::SchoolYear,
        "since" => Scope::Since(Arc::from(from)),
        "cohort_since" => Scope::CohortSince(from.parse().map_err(|_| format!("{from} is no entry year"))?),
        "mapping" => Scope::Mapping,
        other => return Err(format!("unknown scope {other}")),
    })
}

fn natural_key(doc: &TableDocument, find: &dyn Fn(&str) -> Result<FieldIdx, String>) -> Result<NaturalKey, String> {
    let parts = |list: &[String]| list.iter().map(|p| key_part(p, find)).collect::<Result<Box<[_]>, _>>();
    let key = NaturalKey { preferred: parts(&doc.preferred)?, parts: parts(&doc.key)? };
    if key.parts.is_empty() && key.preferred.is_empty() {
        return Err("the natural key is empty".to_owned());
    }
    Ok(key)
}

fn key_part(text: &str, find: &dyn Fn(&str) -> Result<FieldIdx, String>) -> Result<KeyPart, String> {
    let inside = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    if text == "@id" {
        Ok(KeyPart::SourceId)
    } else if let Some(field) = inside("date") {
        find(field).map(KeyPart::Date)
    } else if let Some(field) = inside("school_year") {
        find(field).map(KeyPart::SchoolYear)
    } else {
        find(text).map(KeyPart::Field)
    }
}

fn roles(doc: &TableDocument, find: &dyn Fn(&str) -> Result<FieldIdx, String>) -> Result<Roles, String> {
    let mut roles = Roles::default();
    for (role, field) in &doc.roles {
        let slot = match role.as_str() {
            "record_key" => &mut roles.record_key,
            "school_code" => &mut roles.school_code,
            "collected_at" => &mut roles.collected_at,
            "data_state" => &mut roles.data_state,
            "person" => &mut roles.person,
            "term" => &mut roles.term,
            "school_year" => &mut roles.school_year,
            "event_date" => &mut roles.event_date,
            "due_on" => &mut roles.due_on,
            "system" => &mut roles.system,
            other => return Err(format!("unknown role {other}")),
        };
        *slot = Some(find(field)?);
    }
    Ok(roles)
}

fn person(
    doc: &PersonDocument,
    resolver: &mut Resolver<'_>,
    find: &dyn Fn(&str) -> Result<FieldIdx, String>,
) -> Result<PersonPlan, String> {
    let optional = |name: &Option<String>| name.as_deref().map(find).transpose();
    let papers = doc
        .papers
        .iter()
        .map(|(code, name)| {
            let paper = Paper::from_name(name).ok_or_else(|| format!("x-person: unknown paper {name}"))?;
            Ok((resolver.text(code), paper))
        })
        .collect::<Result<_, String>>()?;
    Ok(PersonPlan {
        number: find(&doc.number)?,
        paper: optional(&doc.paper)?,
        papers,
        sex: optional(&doc.sex)?,
        birth: optional(&doc.birth)?,
        ages: doc.ages,
    })
}

fn compile_field(
    name: &str,
    doc: &FieldDocument,
    core: bool,
    resolver: &mut Resolver<'_>,
    find: &dyn Fn(&str) -> Result<FieldIdx, String>,
) -> Result<FieldPlan, String> {
    let ty = field_type(doc)?;
    let code_set = match doc.code_set_of(resolver.level) {
        "" => None,
        id => Some(Arc::clone(resolver.sets.of(core, id).ok_or_else(|| format!("there is no code set {id}"))?)),
    };
    let leads_with_zero = |s: &Arc<CodeSet>| s.codes().iter().any(|c| c.code.len() > 1 && c.code.starts_with('0'));
    if !matches!(ty, FieldType::Text(_)) && code_set.as_ref().is_some_and(leads_with_zero) {
        return Err(format!("a number cannot carry the leading zeros of {}", doc.code_set));
    }
    Ok(FieldPlan {
        name: resolver.text(name),
        label: resolver.text(&doc.title),
        item_code: resolver.text(&doc.item_code),
        ty,
        length: match (doc.doubtful_length, doc.max_length) {
            (Some(n), _) => Length::Doubtful(n),
            (None, Some(n)) => Length::AtMost(n),
            (None, None) => Length::Open,
        },
        required: required(doc, resolver, find)?,
        code_set,
        separator: (!doc.separator.is_empty()).then(|| resolver.text(&doc.separator)),
        reference: reference(doc, resolver)?,
        number: match doc.number.as_deref() {
            None => None,
            Some(name) => Some(NumberKind::from_name(name).ok_or_else(|| format!("unknown x-number {name}"))?),
        },
        sensitivity: Sensitivity::from_name(&doc.sensitivity)
            .ok_or_else(|| format!("unknown sensitivity {}", doc.sensitivity))?,
        sealed: doc.sealed,
        unit: resolver.text(&doc.unit),
    })
}

fn field_type(doc: &FieldDocument) -> Result<FieldType, String> {
    match (doc.json_type.kind(), doc.decimal) {
        ("string", None) => {
            Format::from_name(&doc.format).map(FieldType::Text).ok_or_else(|| format!("unknown format {}", doc.format))
        }
        ("integer", Some(d)) if d.scale == 0 => Ok(FieldType::Integer { digits: d.precision }),
        ("number", Some(d)) if d.scale <= d.precision => Ok(FieldType::Decimal { precision: d.precision, scale: d.scale }),
        (kind, _) => Err(format!("type {kind} and x-decimal do not go together")),
    }
}

fn required(
    doc: &FieldDocument,
    resolver: &mut Resolver<'_>,
    find: &dyn Fn(&str) -> Result<FieldIdx, String>,
) -> Result<Required, String> {
    match (doc.required.as_str(), &doc.when) {
        ("M", None) => Ok(Required::Mandatory),
        ("O", None) => Ok(Required::Optional),
        ("C", Some(when)) => {
            let is_one_of = when.is.iter().map(|v| resolver.text(v)).collect();
            Ok(Required::When(Condition { field: find(&when.field)?, is_one_of }))
        }
        ("C", None) => Ok(Required::Unless(resolver.text(&doc.condition))),
        (mark, _) => Err(format!("x-required {mark} is none of M, O, C, or has a condition where none belongs")),
    }
}

fn reference(doc: &FieldDocument, resolver: &mut Resolver<'_>) -> Result<Option<Reference>, String> {
    let mut targets = Vec::with_capacity(doc.reference.len());
    for text in &doc.reference {
        let (table, field) = text.split_once('.').ok_or_else(|| format!("reference {text} is not TABLE.FIELD"))?;
        targets.push(*resolver.fields.get(&(table, field)).ok_or_else(|| format!("reference {text} leads nowhere"))?);
    }
    let none = doc.reference_none.iter().map(|v| resolver.text(v)).collect();
    Ok((!targets.is_empty()).then(|| Reference { targets: targets.into(), none }))
}
