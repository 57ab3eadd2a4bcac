//! From files, variants and `--set` to one merged table for each variant.
//!
//! It knows how texts combine, and nothing of services, brokers or clients: what the merged tables
//! mean is told elsewhere.

use super::diagnostic::Diagnostic;
use super::files::{Files, Layer, read_chain};
use super::merge::merge;
use super::near::did_you_mean;
use super::overrides::apply_sets;
use super::presets::Shelf;
use super::remove::Removal;
use super::tree::{Sources, Span, Table};

/// Codes that say a name is unknown.
const UNKNOWN_NAMES: [&str; 3] = ["E015", "E018", "E023"];

/// The merged texts of a scenario.
///
/// In every table short forms are expanded, brokers hold what their presets bring along, `extends`,
/// `remove` and `variant` are gone, and each key and value keeps the place where it was written: in
/// the file, in a file that it extends, in a preset, in the block of a variant or in a `--set`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    /// Every text that places refer to.
    pub(crate) sources: Sources,
    /// The file without any variant, with its own `expect`.
    pub(crate) base: Table,
    /// Each variant with its name, the place of the name and its table, in the order of the files,
    /// those of extended files first. Its `expect` holds the lines that judge it and no others.
    pub(crate) variants: Vec<(String, Span, Table)>,
    /// What was dropped on the way, each told once.
    pub(crate) notes: Vec<Diagnostic>,
}

impl Document {
    /// Reads the scenario at `path` with all it extends and lays `sets` (each a `PATH=VALUE` of
    /// `--set`) over every variant.
    ///
    /// Mistakes are added to `errors`. If there are any, the document holds what could be
    /// understood, and looking for further mistakes in it may find mere echoes of the first.
    pub(crate) fn open(
        files: &dyn Files,
        path: &str,
        sets: &[String],
        errors: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut sources = Sources::default();
        let told = errors.len();
        let chain = read_chain(files, path, &mut sources, errors);
        // What stood in an unread file or line would be missed here and there.
        let incomplete = errors[told..].iter().any(|e| e.code < "E013");
        let read = errors.len();
        let mut root = Table::default();
        let mut notes = Vec::new();
        let mut variants: Vec<Variant> = Vec::new();
        for file in chain.into_iter().rev() {
            let (ours, others): (Vec<Removal>, Vec<Removal>) =
                file.root.removals.into_iter().partition(|r| r.parts[0] == "variant");
            for removal in &ours {
                remove_variant(removal, &mut variants, errors);
            }
            lay(&mut root, Layer { removals: others, ..file.root }, &mut notes, errors);
            for (name, span, layer) in file.variants {
                match variants.iter_mut().find(|v| v.name == name) {
                    Some(variant) => variant.add(span, layer),
                    None => variants.push(Variant::new(name, span, layer)),
                }
            }
        }
        let tables = resolve(&root, &variants, &mut notes, errors);
        let named = variants.iter().map(|v| (v.name.clone(), v.span));
        let mut document = Self {
            sources,
            base: root,
            variants: named.zip(tables).map(|((name, span), table)| (name, span, table)).collect(),
            notes,
        };
        apply_sets(&mut document, sets, errors);
        document.complete();
        if incomplete {
            let found = errors.split_off(read);
            errors.extend(found.into_iter().filter(|e| !UNKNOWN_NAMES.contains(&e.code)));
        }
        document
    }

    /// Gives every broker what its preset brings along.
    fn complete(&mut self) {
        let mut shelf = Shelf::default();
        let variants = self.variants.iter_mut().map(|(_, _, table)| table);
        for table in std::iter::once(&mut self.base).chain(variants) {
            shelf.complete(table, &mut self.sources);
        }
        let mut told = Vec::new();
        self.notes.retain(|note| {
            let new = !told.contains(&note.span);
            told.push(note.span);
            new
        });
    }

    /// Name and table of each variant, `base` first.
    pub(crate) fn tables(&self) -> Vec<(String, Table)> {
        let base = std::iter::once(("base".to_owned(), self.base.clone()));
        base.chain(self.variants.iter().map(|(name, _, table)| (name.clone(), table.clone())))
            .collect()
    }
}

/// A variant before it is laid over what it extends.
struct Variant {
    name: String,
    span: Span,
    /// The blocks that the files of the chain give it, the one that all rest on first.
    layers: Vec<Layer>,
    /// The newest `extends` of its blocks.
    extends: Option<(String, Span)>,
}

impl Variant {
    fn new(name: String, span: Span, mut layer: Layer) -> Self {
        let extends = layer.extends.take();
        Self { name, span, layers: vec![layer], extends }
    }

    /// Adds the block that a file gives to a variant it inherits.
    fn add(&mut self, span: Span, mut layer: Layer) {
        self.span = span;
        if let Some(extends) = layer.extends.take() {
            self.extends = Some(extends);
        }
        self.layers.push(layer);
    }
}

fn lay(table: &mut Table, layer: Layer, notes: &mut Vec<Diagnostic>, errors: &mut Vec<Diagnostic>) {
    for removal in &layer.removals {
        if let Err(error) = removal.apply(table) {
            errors.push(*error);
        }
    }
    merge(table, layer.table, notes);
}

/// `remove = ["variant.events"]` in a file takes a variant that it inherits.
fn remove_variant(removal: &Removal, variants: &mut Vec<Variant>, errors: &mut Vec<Diagnostic>) {
    let known =
        |variants: &[Variant]| -> Vec<String> { variants.iter().map(|v| v.name.clone()).collect() };
    match removal.parts.as_slice() {
        [_] => variants.clear(),
        [_, name] if variants.iter().any(|v| v.name == *name) => {
            variants.retain(|v| v.name != *name);
        }
        [_, name, ..] if variants.iter().any(|v| v.name == *name) => {
            let error = removal.unknown(2, std::iter::empty());
            errors.push(error.help(format!("put this `remove` into [variant.{name}]")));
        }
        _ => {
            let known = known(variants);
            errors.push(removal.unknown(1, known.iter().map(String::as_str)));
        }
    }
}

/// The table of each variant: what it extends, and its own blocks laid over that.
fn resolve(
    root: &Table,
    variants: &[Variant],
    notes: &mut Vec<Diagnostic>,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Table> {
    let mut unjudged = root.clone();
    unjudged.remove("expect");
    let parents = parents(variants, errors);
    let mut tables: Vec<Option<Table>> = vec![None; variants.len()];
    for index in 0..variants.len() {
        // From the variant up to one whose table is known, and back down.
        let mut way = vec![index];
        while let Some(Parent::Variant(up)) = way.last().map(|&i| parents[i])
            && tables[up].is_none()
        {
            way.push(up);
        }
        while let Some(i) = way.pop() {
            if tables[i].is_some() {
                continue;
            }
            let inherited = match parents[i] {
                Parent::Root => Some(&unjudged),
                Parent::Base => Some(root),
                Parent::Variant(up) => tables[up].as_ref(),
            };
            let mut table = inherited.unwrap_or(&unjudged).clone();
            for layer in &variants[i].layers {
                lay(&mut table, layer.clone(), notes, errors);
            }
            tables[i] = Some(table);
        }
    }
    tables.into_iter().map(Option::unwrap_or_default).collect()
}

/// What a variant is laid over.
#[derive(Clone, Copy)]
enum Parent {
    /// The root, without the lines that judge it.
    Root,
    /// The root by `extends = "base"`, with the lines that judge it.
    Base,
    /// Another variant.
    Variant(usize),
}

/// What each variant extends, free of circles.
fn parents(variants: &[Variant], errors: &mut Vec<Diagnostic>) -> Vec<Parent> {
    let mut parents: Vec<Parent> =
        variants.iter().map(|variant| parent(variant, variants, errors)).collect();
    for start in 0..variants.len() {
        let mut seen = vec![start];
        while let Some(Parent::Variant(up)) = seen.last().map(|&i| parents[i]) {
            if let Some(first) = seen.iter().position(|&i| i == up) {
                errors.push(circle(&seen[first..], variants));
                // Told once: the circle is cut open where it closes.
                parents[seen[seen.len() - 1]] = Parent::Root;
                break;
            }
            seen.push(up);
        }
    }
    parents
}

fn parent(variant: &Variant, variants: &[Variant], errors: &mut Vec<Diagnostic>) -> Parent {
    let Some((target, span)) = &variant.extends else { return Parent::Root };
    if target == "base" {
        return Parent::Base;
    }
    if let Some(index) = variants.iter().position(|v| v.name == *target) {
        return Parent::Variant(index);
    }
    let others = variants.iter().map(|v| v.name.as_str()).filter(|name| *name != variant.name);
    let message = format!("variant `{}` extends `{target}`, which is no variant", variant.name);
    let help = if target.starts_with("preset:") || target.contains(['.', '/']) {
        "a variant extends another variant; files and presets are extended at the root".to_owned()
    } else {
        did_you_mean(target, others.clone()).unwrap_or_else(|| {
            let others: Vec<String> = others.take(8).map(|name| format!("`{name}`")).collect();
            match others.len() {
                0 => "there is no other variant; without `extends` a variant rests on the file"
                    .to_owned(),
                _ => format!("the other variants are {}", others.join(", ")),
            }
        })
    };
    errors.push(Diagnostic::error("E015", *span, message).label("unknown variant").help(help));
    Parent::Root
}

fn circle(members: &[usize], variants: &[Variant]) -> Diagnostic {
    let names: Vec<&str> = members.iter().map(|&i| variants[i].name.as_str()).collect();
    let message =
        format!("variants extend one another in a circle: {} -> {}", names.join(" -> "), names[0]);
    let place = |i: usize| variants[i].extends.as_ref().map_or(variants[i].span, |(_, at)| *at);
    let (&last, rest) = members.split_last().unwrap_or((&0, &[]));
    let mut error = Diagnostic::error("E016", place(last), message)
        .label("leads back")
        .help("let one of them rest on the file: leave out its `extends`");
    for (index, &member) in rest.iter().enumerate() {
        let next = variants[members[index + 1]].name.as_str();
        error = error.related(place(member), format!("leads to `{next}`"));
    }
    error
}
