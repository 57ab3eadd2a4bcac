//! The long story of every mistake that can be made with the text of a scenario: TOML, files that
//! extend files, variants, and `--set`.

/// A code with what `tidelag explain` says about it.
struct Code {
    name: &'static str,
    title: &'static str,
    story: &'static str,
    wrong: &'static str,
    right: &'static str,
}

/// The long explanation of `code` with a wrong and a right example; none if it is not a code of
/// the text layer. Letter case does not matter.
pub(super) fn explain(code: &str) -> Option<String> {
    let known = CODES.iter().find(|known| known.name.eq_ignore_ascii_case(code))?;
    let Code { name, title, story, wrong, right } = known;
    Some(format!(
        "{name}: {title}\n\n{story}\n\nWrong:\n\n{}\n\nRight:\n\n{}\n",
        indented(wrong),
        indented(right)
    ))
}

fn indented(text: &str) -> String {
    let line = |l: &str| if l.is_empty() { String::new() } else { format!("    {l}") };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

const CODES: &[Code] = &[
    Code {
        name: "E001",
        title: "not TOML",
        story: "Scenario files are written in TOML: heads in brackets, and lines `key = value`. \
                The caret stands where the text stops being TOML. One mistake is told for each \
                line; what stands on the other lines is read all the same.",
        wrong: "[service.shop\nworkers: 4",
        right: "[service.shop]\nworkers = 4",
    },
    Code {
        name: "E002",
        title: "not UTF-8 text",
        story: "TOML files are UTF-8. The caret stands at the first byte that is not. Most often \
                the file was saved in another encoding, or it is no text file at all.",
        wrong: "title = \"Caf\\xe9\"        (one byte, as Latin-1 has it)",
        right: "title = \"Café\"           (saved as UTF-8)",
    },
    Code {
        name: "E003",
        title: "an empty file",
        story: "The file has nothing but blank lines and comments. A scenario needs at least a \
                service with something to do.",
        wrong: "# to be written",
        right: "[service.shop]\nemits.OrderPlaced = \"100/s\"\n\n[service.email]\n\
                on.OrderPlaced = \"8ms\"",
    },
    Code {
        name: "E004",
        title: "a text too large to be a scenario",
        story: "Files of more than 64 MiB are refused, and so are large files with so many \
                multi-line strings that reading them would take minutes. A scenario of a thousand \
                services has about one megabyte.",
        wrong: "tidelag check recording.bin",
        right: "tidelag check scenario.toml",
    },
    Code {
        name: "E005",
        title: "nested too deeply",
        story: "Brackets may be nested 16 deep, and a dotted key may have 16 parts. No scenario \
                needs more than six, so that a deeper one is most often a bracket left open, or a \
                file made to do harm.",
        wrong: "calls = [[[[[[[[[[[[[[[[[\"a.x\"]]]]]]]]]]]]]]]]]",
        right: "calls = [[\"a.x\", \"b.y\"], \"c.z\"]",
    },
    Code {
        name: "E006",
        title: "written twice",
        story: "In TOML a key has one value and a table one head. Keep one of the two; if a \
                variant is to have another value, write it into the block of the variant. Single \
                and double brackets cannot be mixed either: [[failure]] adds an entry to a list, \
                [failure] would head a table.",
        wrong: "[service.email]\nworkers = 1\nworkers = 4",
        right: "[service.email]\nworkers = 1\n\n[variant.more-workers]\n\
                service.email.workers = 4",
    },
    Code {
        name: "E007",
        title: "a table with both a head and dotted keys",
        story: "TOML lets a table be made either by its head or by dotted keys in the table above, \
                and not by both. Dotted keys below the head are fine: they then belong to tables \
                inside of it.",
        wrong: "service.shop.workers = 4\n\n[service.shop]\nemits.OrderPlaced = \"100/s\"",
        right: "[service.shop]\nworkers = 4\nemits.OrderPlaced = \"100/s\"",
    },
    Code {
        name: "E008",
        title: "adding to a value that is complete",
        story: "A string, a list and a table in braces are complete as written; TOML forbids \
                adding keys to them from outside. `on.E = \"8ms\"` is short for \
                `on.E.takes = \"8ms\"`: write the long form when there is more to say.",
        wrong: "[service.email]\non.OrderPlaced = \"8ms\"\non.OrderPlaced.fails = \"2%\"",
        right: "[service.email]\non.OrderPlaced.takes = \"8ms\"\non.OrderPlaced.fails = \"2%\"",
    },
    Code {
        name: "E009",
        title: "a number too large",
        story: "Whole numbers have 64 bits and a sign; other numbers are double precision, which \
                ends at about 1.8e308.",
        wrong: "seed = 18446744073709551616",
        right: "seed = 1844674407370955161",
    },
    Code {
        name: "E010",
        title: "text without quotes, or no value",
        story: "Behind the equals sign only plain numbers, true and false stand without quotes. \
                Quantities have units, and so they are strings. Word processors make typographic \
                quotes, which TOML does not know: use straight ones.",
        wrong: "on.OrderPlaced = 8ms",
        right: "on.OrderPlaced = \"8ms\"",
    },
    Code {
        name: "E011",
        title: "a file that cannot be read",
        story: "The file does not exist or may not be read. The path in `extends` is relative to \
                the folder of the file in which it is written, and not to where the command runs.",
        wrong: "# in scenarios/plus-one.toml\nextends = \"scenarios/hello.toml\"",
        right: "# in scenarios/plus-one.toml\nextends = \"hello.toml\"",
    },
    Code {
        name: "E012",
        title: "files that extend one another in a circle",
        story: "What a file extends must not, in the end, extend that file: there would be nothing \
                to begin with. At most 32 files may extend one another in a row.",
        wrong: "# a.toml\nextends = \"b.toml\"\n\n# b.toml\nextends = \"a.toml\"",
        right: "# a.toml\nextends = \"b.toml\"\n\n# b.toml\n[service.shop]\n\
                emits.OrderPlaced = \"100/s\"",
    },
    Code {
        name: "E013",
        title: "`extends` takes one string",
        story: "At the root it names a file or a preset, in a variant another variant, in a \
                broker a preset as in \"preset:kafka\". It is a single string: \
                whatever is extended may extend something in turn.",
        wrong: "extends = [\"a.toml\", \"b.toml\"]",
        right: "extends = \"a.toml\"        # and in a.toml: extends = \"b.toml\"",
    },
    Code {
        name: "E014",
        title: "a preset that does not exist",
        story: "Presets are models of well-known brokers. `tidelag presets` lists them, and \
                `tidelag presets kafka` prints one: a file like any other, which can be copied and \
                changed.",
        wrong: "[broker.bus]\nextends = \"preset:kafak\"",
        right: "[broker.bus]\nextends = \"preset:kafka\"",
    },
    Code {
        name: "E015",
        title: "a variant extends what is no variant",
        story: "A variant may extend another variant of the same file or of a file that this one \
                extends; it then inherits its changes and the expectations that judge it. \
                `extends = \"base\"` inherits the expectations of the file itself. Files and \
                presets are extended at the root.",
        wrong: "[variant.events]\n\n[variant.fast]\nextends = \"event\"",
        right: "[variant.events]\n\n[variant.fast]\nextends = \"events\"",
    },
    Code {
        name: "E016",
        title: "variants that extend one another in a circle",
        story: "What a variant extends must not, in the end, extend that variant. A variant \
                without `extends` rests on the file.",
        wrong: "[variant.a]\nextends = \"b\"\n\n[variant.b]\nextends = \"a\"",
        right: "[variant.a]\nextends = \"b\"\n\n[variant.b]\nservice.email.workers = 4",
    },
    Code {
        name: "E017",
        title: "a name that no variant can have",
        story: "`base` is the file without any variant. `ledger` and `cost` begin metric paths, in \
                which names must be unmistakable. An empty name could not be shown.",
        wrong: "[variant.base]\nservice.email.workers = 4",
        right: "[variant.more-workers]\nservice.email.workers = 4",
    },
    Code {
        name: "E018",
        title: "`remove` names what is not there",
        story: "`remove` takes away what is inherited: by a file from the file that it extends, by \
                a variant from the file or the variant below it. It happens before the own lines \
                are laid over that, so that they cannot be removed. A failure is named as \
                failure.NAME, an inherited variant as variant.NAME.",
        wrong: "[service.email]\n\n[variant.without]\nremove = [\"service.emial\"]",
        right: "[service.email]\n\n[variant.without]\nremove = [\"service.email\"]",
    },
    Code {
        name: "E019",
        title: "`remove` takes a list of dotted paths",
        story: "Each entry is a string with a path as TOML writes keys: parts joined by dots, in \
                quotes if they hold other characters than letters, digits, - and _. A single path \
                may stand without brackets.",
        wrong: "remove = { service = \"email\" }",
        right: "remove = [\"service.email\", \"service.shop.emits.'order.placed'\"]",
    },
    Code {
        name: "E020",
        title: "a variant that is no table of changes",
        story: "Each variant has a head [variant.NAME] and below it the values that differ from \
                the file. Variants do not nest: one that builds on another says so by `extends`.",
        wrong: "[variant.a.variant.b]\nservice.email.workers = 4",
        right: "[variant.b]\nextends = \"a\"\nservice.email.workers = 4",
    },
    Code {
        name: "E021",
        title: "`--set` takes PATH=VALUE",
        story: "The path is written as in the file, with dots between its parts; the value is one \
                TOML value. For several values the option is repeated.",
        wrong: "tidelag run a.toml --set service.email.workers 4",
        right: "tidelag run a.toml --set service.email.workers=4 --set seeds=10",
    },
    Code {
        name: "E022",
        title: "`--set` with a value that is not TOML",
        story: "Text needs quotes, as in the file. The shell takes quotes away, so that they stand \
                in a second pair, which is for the shell.",
        wrong: "tidelag run a.toml --set duration=10s",
        right: "tidelag run a.toml --set duration='\"10s\"'",
    },
    Code {
        name: "E023",
        title: "a value that `--set` cannot change",
        story: "`--set` changes values of every variant after the files have been put together, so \
                that `extends`, `remove` and `variant` have done their work already. A failure is \
                set by its name; one without a name cannot be reached.",
        wrong: "tidelag run a.toml --set variant.events.service.email.workers=4",
        right: "tidelag run a.toml --variant events --set service.email.workers=4 \\\n    \
                --set failure.outage.for='\"5m\"'",
    },
    Code {
        name: "E024",
        title: "two failures of one name",
        story: "Variants and `--set` change a failure by its name, so that within one file or one \
                variant a name may stand once. Failures need no name if nothing changes them.",
        wrong: "[[failure]]\nname = \"outage\"\ncrash = \"email\"\nat = \"1m\"\n\n[[failure]]\n\
                name = \"outage\"\ncrash = \"shop\"\nat = \"2m\"",
        right: "[[failure]]\nname = \"email-down\"\ncrash = \"email\"\nat = \"1m\"\n\n[[failure]]\n\
                name = \"shop-down\"\ncrash = \"shop\"\nat = \"2m\"",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_text_layer_has_its_story() {
        let sources = [
            include_str!("document.rs"),
            include_str!("files.rs"),
            include_str!("overrides.rs"),
            include_str!("read.rs"),
            include_str!("remove.rs"),
            include_str!("shorthand.rs"),
            include_str!("syntax.rs"),
        ];
        let mut used: Vec<&str> = Vec::new();
        for source in sources {
            for (at, _) in source.match_indices("\"E0") {
                used.push(&source[at + 1..at + 5]);
            }
        }
        used.sort_unstable();
        used.dedup();
        let told: Vec<&str> = CODES.iter().map(|c| c.name).collect();
        assert_eq!(used, told);
    }

    #[test]
    fn a_story_has_a_wrong_and_a_right_example() {
        insta::assert_snapshot!(explain("e008").unwrap(), @r#"
        E008: adding to a value that is complete

        A string, a list and a table in braces are complete as written; TOML forbids adding keys to them from outside. `on.E = "8ms"` is short for `on.E.takes = "8ms"`: write the long form when there is more to say.

        Wrong:

            [service.email]
            on.OrderPlaced = "8ms"
            on.OrderPlaced.fails = "2%"

        Right:

            [service.email]
            on.OrderPlaced.takes = "8ms"
            on.OrderPlaced.fails = "2%"
        "#);
        assert_eq!(explain("E999"), None);
        assert_eq!(explain(""), None);
    }
}
