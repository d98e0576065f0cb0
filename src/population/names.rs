//! Choices that a person makes by name: one list of names serves parsing, printing and records.

/// An enum whose variants have fixed kebab-case names: `NAMES`, `name`, `FromStr`, `Display` and `Serialize` all use them.
macro_rules! named {
    ($(#[$meta:meta])* $Enum:ident is $what:literal { $($(#[$note:meta])* $Variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Enum {
            $($(#[$note])* $Variant),+
        }

        impl $Enum {
            /// Every accepted name, in the order of the variants.
            pub const NAMES: &[&str] = &[$($name),+];

            /// The name, as written in an experiment file and in records.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name),+
                }
            }
        }

        impl std::str::FromStr for $Enum {
            type Err = $crate::population::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($name => Ok(Self::$Variant),)+
                    _ => Err($crate::population::UnknownName { what: $what, found: text.to_owned(), names: Self::NAMES }),
                }
            }
        }

        impl std::fmt::Display for $Enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl serde::Serialize for $Enum {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}
pub(super) use named;

#[cfg(test)]
mod tests {
    use crate::population::{Draws, FileLabels, LabelRule, Split, Standardise};
    use crate::population::{TeacherActivation, TeacherDirections, TeacherOutputs, TeacherSum};

    /// Each name parses, prints and serialises as itself.
    macro_rules! round_trip {
        ($($Enum:ident),+) => {$(
            for &name in $Enum::NAMES {
                let value: $Enum = name.parse().unwrap();
                assert_eq!(value.to_string(), name);
                assert_eq!(serde_json::to_value(value).unwrap(), name);
            }
        )+};
    }

    #[test]
    fn names_are_one_list() {
        round_trip!(Draws, FileLabels, LabelRule, Split, Standardise);
        round_trip!(TeacherActivation, TeacherDirections, TeacherOutputs, TeacherSum);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = "partiy".parse::<LabelRule>().unwrap_err().to_string();
        assert_eq!(message, r#"unknown label rule "partiy": use one of "parity", "classes""#);
    }
}
