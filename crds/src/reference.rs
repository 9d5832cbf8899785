//! The API reference (`docs/api.md`), written from the CRDs' schemas: what the API server itself enforces.

mod schema;

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps,
};

use self::schema::{default, flat, limits, type_name};

/// An object with fewer fields is described again where it is used again: a reference would be longer.
const SHORT: usize = 3;

/// One line of a table: a field below `spec` or `status`.
struct Field {
    path: String,
    type_name: String,
    default: String,
    limits: String,
    text: String,
}

/// One CEL rule and the sentence it refuses with.
struct Rule {
    path: String,
    sentence: String,
    expression: String,
}

/// The lines of one section, collected while walking down its schema.
#[derive(Default)]
struct Section {
    fields: Vec<Field>,
    rules: Vec<Rule>,
    /// Where objects with these fields were described first.
    described: BTreeMap<String, String>,
}

/// The page about these CRDs.
pub(super) fn page(crds: &[CustomResourceDefinition]) -> String {
    let mut page = String::from(
        "<!-- Generated from crds/src by `make crds`. Do not edit. -->\n# API reference\n\n\
         Every field, default, limit and rule, as the API server enforces them. `kubectl explain` shows the same texts.\n\n\
         Paths: `[]` stands for each item of a list, `.*` for each key of a map. A duration is written as in Go: `500ms`, `30s`, `1h30m`.\n",
    );
    for crd in crds {
        for version in &crd.spec.versions {
            page.push_str(&kind(crd, version));
        }
    }
    page
}

fn kind(crd: &CustomResourceDefinition, version: &CustomResourceDefinitionVersion) -> String {
    let names = &crd.spec.names;
    let short = names.short_names.iter().flatten().map(|name| format!("`{name}`"));
    let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
    let mut page = format!(
        "\n## {}\n\n`{}/{}`, `{}`, short {}, {}.\n",
        names.kind,
        crd.spec.group,
        version.name,
        names.plural,
        short.collect::<Vec<_>>().join(", "),
        crd.spec.scope.to_lowercase(),
    );
    if let Some(text) = schema.and_then(|schema| schema.description.as_deref()) {
        page.push_str(&format!("{}\n", flat(text)));
    }
    page.push_str(&columns(version));
    let of_object: Vec<Rule> = schema.into_iter().flat_map(|schema| rules("", schema)).collect();
    page.push_str(&rules_table(&of_object).replace("| `` |", "| the object |"));
    for (name, part) in schema.and_then(|schema| schema.properties.as_ref()).into_iter().flatten() {
        if matches!(name.as_str(), "spec" | "status") {
            page.push_str(&section(&format!("{} {name}", names.kind), name, part));
        }
    }
    page
}

fn columns(version: &CustomResourceDefinitionVersion) -> String {
    let shown = |wide: bool| {
        let columns = version.additional_printer_columns.iter().flatten();
        let names = columns
            .filter(|column| (column.priority.unwrap_or(0) > 0) == wide)
            .map(|column| column.name.to_uppercase());
        names.collect::<Vec<_>>().join(" ")
    };
    format!("\n`kubectl get` shows NAME {}; with `-o wide` also {}.\n", shown(false), shown(true))
}

fn section(title: &str, name: &str, part: &JSONSchemaProps) -> String {
    let mut section = Section::default();
    let mut page = format!("\n### {title}\n");
    if let Some(text) = &part.description {
        page.push_str(&format!("\n{}\n", flat(text)));
    }
    section.walk(name, part);
    page.push_str("\n| field | type | default | limits | meaning |\n|---|---|---|---|---|\n");
    for Field { path, type_name, default, limits, text } in section.fields {
        page.push_str(&format!("| `{path}` | {type_name} | {default} | {limits} | {text} |\n"));
    }
    page.push_str(&rules_table(&section.rules));
    page
}

fn rules_table(rules: &[Rule]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let mut table = String::from("\n| rule at | refuses with | CEL |\n|---|---|---|\n");
    for Rule { path, sentence, expression } in rules {
        table.push_str(&format!("| `{path}` | {sentence} | `{expression}` |\n"));
    }
    table
}

/// The rules of one schema; those of its fields are not among them.
fn rules<'a>(path: &'a str, schema: &'a JSONSchemaProps) -> impl Iterator<Item = Rule> + 'a {
    schema.x_kubernetes_validations.iter().flatten().map(move |rule| Rule {
        path: format!("{path}{}", rule.field_path.as_deref().unwrap_or_default()),
        sentence: flat(rule.message.as_deref().unwrap_or("(the rule itself)")),
        expression: flat(&rule.rule),
    })
}

impl Section {
    /// Adds what stands below a schema, fields first in the order of their names.
    fn walk(&mut self, path: &str, schema: &JSONSchemaProps) {
        self.rules.extend(rules(path, schema));
        for (name, field) in schema.properties.iter().flatten() {
            let path = format!("{path}.{name}");
            let required = schema.required.iter().flatten().any(|required| required == name);
            let (below, inner) = innermost(&path, field);
            let described = self.described_elsewhere(&below, inner);
            let text = field.description.as_deref().map(flat).unwrap_or_default();
            self.fields.push(Field {
                type_name: type_name(field),
                default: default(field, required),
                limits: limits(field),
                text: match &described {
                    Some(first) => format!("{text} Fields and rules as in `{first}`."),
                    None => text,
                },
                path,
            });
            if described.is_none() {
                self.walk(&below, inner);
            }
        }
    }

    /// Where the same fields were described before, else notes that they are described here.
    fn described_elsewhere(&mut self, path: &str, schema: &JSONSchemaProps) -> Option<String> {
        let fields = schema.properties.as_ref().filter(|fields| fields.len() > SHORT)?;
        let key = format!("{fields:?}{:?}", schema.x_kubernetes_validations);
        if let Some(first) = self.described.get(&key) {
            return Some(first.clone());
        }
        self.described.insert(key, path.to_owned());
        None
    }
}

/// The schema inside lists and maps, and the path to it.
fn innermost<'a>(path: &str, schema: &'a JSONSchemaProps) -> (String, &'a JSONSchemaProps) {
    match schema::inside(schema) {
        Some((suffix, inner)) => innermost(&format!("{path}{suffix}"), inner),
        None => (path.to_owned(), schema),
    }
}

#[cfg(test)]
mod tests;
