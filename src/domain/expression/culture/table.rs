//! The words and patterns themselves: words as CLDR 48 has them (a test asks ICU4X), patterns as CLDR 47.

use super::{Culture, Names, Patterns};

#[rustfmt::skip]
pub const CULTURES: &[Culture] = &[
    culture("cs",      &CS, ["dd.MM.yyyy", "dddd d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "H:mm", "H:mm:ss"]),
    culture("cs-CZ",   &CS, ["dd.MM.yyyy", "dddd d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "H:mm", "H:mm:ss"]),
    culture("da",      &DA, ["dd.MM.yyyy", "dddd 'den' d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "HH.mm", "HH.mm.ss"]),
    culture("da-DK",   &DA, ["dd.MM.yyyy", "dddd 'den' d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "HH.mm", "HH.mm.ss"]),
    culture("de",      &DE, ["dd.MM.yyyy", "dddd, d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("de-AT",   &DE_AT, ["dd.MM.yyyy", "dddd, d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("de-BE",   &DE, ["dd.MM.yyyy", "dddd, d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("de-CH",   &DE, ["dd.MM.yyyy", "dddd, d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("de-DE",   &DE, ["dd.MM.yyyy", "dddd, d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("de-IT",   &DE_AT, ["dd.MM.yyyy", "dddd, d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("de-LI",   &DE, ["dd.MM.yyyy", "dddd, d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("de-LU",   &DE, ["dd.MM.yyyy", "dddd, d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("en",      &ENGLISH, ["M/d/yyyy", "dddd, MMMM d, yyyy", "MMMM d", "MMMM yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("en-AU",   &EN_AU, ["d/M/yyyy", "dddd, d MMMM yyyy", "d MMMM", "MMMM yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("en-CA",   &EN_CA, ["yyyy-MM-dd", "dddd, MMMM d, yyyy", "MMMM d", "MMMM yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("en-GB",   &EN_AU, ["dd/MM/yyyy", "dddd, d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("en-HK",   &EN_AU, ["d/M/yyyy", "dddd, d MMMM yyyy", "d MMMM", "MMMM yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("en-IE",   &EN_IE, ["dd/MM/yyyy", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("en-IN",   &EN_IN, ["dd/MM/yyyy", "dddd, d MMMM yyyy", "d MMMM", "MMMM yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("en-NZ",   &EN_AU, ["dd/MM/yyyy", "dddd, d MMMM yyyy", "d MMMM", "MMMM yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("en-SG",   &EN_AU, ["d/M/yyyy", "dddd, d MMMM yyyy", "d MMMM", "MMMM yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("en-US",   &ENGLISH, ["M/d/yyyy", "dddd, MMMM d, yyyy", "MMMM d", "MMMM yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("en-ZA",   &EN_AU, ["yyyy/MM/dd", "dddd, dd MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("es",      &ES, ["d/M/yyyy", "dddd, d 'de' MMMM 'de' yyyy", "d 'de' MMMM", "MMMM 'de' yyyy", "H:mm", "H:mm:ss"]),
    culture("es-AR",   &ES_AR, ["d/M/yyyy", "dddd, d 'de' MMMM 'de' yyyy", "d 'de' MMMM", "MMMM 'de' yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("es-CL",   &ES_CL, ["dd-MM-yyyy", "dddd, d 'de' MMMM 'de' yyyy", "d 'de' MMMM", "MMMM 'de' yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("es-CO",   &ES_CL, ["d/MM/yyyy", "dddd, d 'de' MMMM 'de' yyyy", "d 'de' MMMM", "MMMM 'de' yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("es-ES",   &ES, ["d/M/yyyy", "dddd, d 'de' MMMM 'de' yyyy", "d 'de' MMMM", "MMMM 'de' yyyy", "H:mm", "H:mm:ss"]),
    culture("es-MX",   &ES_MX, ["dd/MM/yyyy", "dddd, d 'de' MMMM 'de' yyyy", "d 'de' MMMM", "MMMM 'de' yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("es-PE",   &ES_PE, ["d/MM/yyyy", "dddd, d 'de' MMMM 'de' yyyy", "d 'de' MMMM", "MMMM 'de' yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("es-US",   &ES_MX, ["d/M/yyyy", "dddd, d 'de' MMMM 'de' yyyy", "d 'de' MMMM", "MMMM 'de' yyyy", "h:mm tt", "h:mm:ss tt"]),
    culture("fi",      &FI, ["d.M.yyyy", "dddd d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "H.mm", "H.mm.ss"]),
    culture("fi-FI",   &FI, ["d.M.yyyy", "dddd d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "H.mm", "H.mm.ss"]),
    culture("fr",      &FR, ["dd/MM/yyyy", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("fr-BE",   &FR, ["d/MM/yyyy", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("fr-CA",   &FR_CA, ["yyyy-MM-dd", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH 'h' mm", "HH 'h' mm 'min' ss 's'"]),
    culture("fr-CH",   &FR, ["dd.MM.yyyy", "dddd, d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("fr-FR",   &FR, ["dd/MM/yyyy", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("fr-LU",   &FR, ["dd/MM/yyyy", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("it",      &IT, ["dd/MM/yyyy", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("it-CH",   &IT, ["dd.MM.yyyy", "dddd, d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("it-IT",   &IT, ["dd/MM/yyyy", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("ja",      &JA, ["yyyy/MM/dd", "yyyy年M月d日dddd", "M月d日", "yyyy年M月", "H:mm", "H:mm:ss"]),
    culture("ja-JP",   &JA, ["yyyy/MM/dd", "yyyy年M月d日dddd", "M月d日", "yyyy年M月", "H:mm", "H:mm:ss"]),
    culture("nb",      &NB, ["dd.MM.yyyy", "dddd d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("nb-NO",   &NB, ["dd.MM.yyyy", "dddd d. MMMM yyyy", "d. MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("nl",      &NL, ["dd-MM-yyyy", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("nl-BE",   &NL, ["d/MM/yyyy", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("nl-NL",   &NL, ["dd-MM-yyyy", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("pl",      &PL, ["d.MM.yyyy", "dddd, d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("pl-PL",   &PL, ["d.MM.yyyy", "dddd, d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("pt",      &PT, ["dd/MM/yyyy", "dddd, d 'de' MMMM 'de' yyyy", "d 'de' MMMM", "MMMM 'de' yyyy", "HH:mm", "HH:mm:ss"]),
    culture("pt-BR",   &PT, ["dd/MM/yyyy", "dddd, d 'de' MMMM 'de' yyyy", "d 'de' MMMM", "MMMM 'de' yyyy", "HH:mm", "HH:mm:ss"]),
    culture("pt-PT",   &PT_PT, ["dd/MM/yyyy", "dddd, d 'de' MMMM 'de' yyyy", "d 'de' MMMM", "MMMM 'de' yyyy", "HH:mm", "HH:mm:ss"]),
    culture("sv",      &SV, ["yyyy-MM-dd", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("sv-FI",   &SV_FI, ["yyyy-MM-dd", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("sv-SE",   &SV, ["yyyy-MM-dd", "dddd d MMMM yyyy", "d MMMM", "MMMM yyyy", "HH:mm", "HH:mm:ss"]),
    culture("zh",      &ZH, ["yyyy/M/d", "yyyy年M月d日dddd", "M月d日", "yyyy年M月", "HH:mm", "HH:mm:ss"]),
    culture("zh-CN",   &ZH, ["yyyy/M/d", "yyyy年M月d日dddd", "M月d日", "yyyy年M月", "HH:mm", "HH:mm:ss"]),
    culture("zh-Hans", &ZH, ["yyyy/M/d", "yyyy年M月d日dddd", "M月d日", "yyyy年M月", "HH:mm", "HH:mm:ss"]),
    culture("zh-Hant", &ZH_HANT, ["yyyy/M/d", "yyyy年M月d日 dddd", "M月d日", "yyyy年M月", "tth:mm", "tth:mm:ss"]),
    culture("zh-HK",   &ZH_HANT, ["d/M/yyyy", "yyyy年M月d日dddd", "M月d日", "yyyy年M月", "tth:mm", "tth:mm:ss"]),
    culture("zh-SG",   &ZH, ["dd/MM/yyyy", "yyyy年M月d日dddd", "M月d日", "yyyy年M月", "tth:mm", "tth:mm:ss"]),
    culture("zh-TW",   &ZH_HANT, ["yyyy/M/d", "yyyy年M月d日 dddd", "M月d日", "yyyy年M月", "tth:mm", "tth:mm:ss"]),
];

const fn culture(
    name: &'static str,
    names: &'static Names,
    [
        short_date,
        long_date,
        month_day,
        year_month,
        short_time,
        long_time,
    ]: [&'static str; 6],
) -> Culture {
    Culture {
        name,
        names,
        patterns: Patterns {
            short_date,
            long_date,
            month_day,
            year_month,
            short_time,
            long_time,
        },
    }
}

#[rustfmt::skip]
static CS: Names = Names {
    months: ["leden", "únor", "březen", "duben", "květen", "červen", "červenec", "srpen", "září", "říjen", "listopad", "prosinec"],
    months_beside_day: ["ledna", "února", "března", "dubna", "května", "června", "července", "srpna", "září", "října", "listopadu", "prosince"],
    short_months: ["led", "úno", "bře", "dub", "kvě", "čvn", "čvc", "srp", "zář", "říj", "lis", "pro"],
    short_months_beside_day: ["led", "úno", "bře", "dub", "kvě", "čvn", "čvc", "srp", "zář", "říj", "lis", "pro"],
    days: ["pondělí", "úterý", "středa", "čtvrtek", "pátek", "sobota", "neděle"],
    short_days: ["po", "út", "st", "čt", "pá", "so", "ne"],
    halves: ["dop.", "odp."],
};

#[rustfmt::skip]
static DA: Names = Names {
    months: ["januar", "februar", "marts", "april", "maj", "juni", "juli", "august", "september", "oktober", "november", "december"],
    months_beside_day: ["januar", "februar", "marts", "april", "maj", "juni", "juli", "august", "september", "oktober", "november", "december"],
    short_months: ["jan.", "feb.", "mar.", "apr.", "maj", "jun.", "jul.", "aug.", "sep.", "okt.", "nov.", "dec."],
    short_months_beside_day: ["jan.", "feb.", "mar.", "apr.", "maj", "jun.", "jul.", "aug.", "sep.", "okt.", "nov.", "dec."],
    days: ["mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag", "søndag"],
    short_days: ["man.", "tirs.", "ons.", "tors.", "fre.", "lør.", "søn."],
    halves: ["AM", "PM"],
};

#[rustfmt::skip]
static DE: Names = Names {
    months: ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"],
    months_beside_day: ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"],
    short_months: ["Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"],
    short_months_beside_day: ["Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."],
    days: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    short_days: ["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"],
    halves: ["AM", "PM"],
};

#[rustfmt::skip]
static DE_AT: Names = Names {
    months: ["Jänner", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"],
    months_beside_day: ["Jänner", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"],
    short_months: ["Jän", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"],
    short_months_beside_day: ["Jän.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sep.", "Okt.", "Nov.", "Dez."],
    days: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    short_days: ["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"],
    halves: ["AM", "PM"],
};

#[rustfmt::skip]
pub static ENGLISH: Names = Names {
    months: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    months_beside_day: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    short_months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    short_months_beside_day: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    days: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    short_days: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    halves: ["AM", "PM"],
};

#[rustfmt::skip]
static EN_AU: Names = Names {
    months: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    months_beside_day: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    short_months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"],
    short_months_beside_day: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"],
    days: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    short_days: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    halves: ["am", "pm"],
};

#[rustfmt::skip]
static EN_CA: Names = Names {
    months: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    months_beside_day: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    short_months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    short_months_beside_day: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    days: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    short_days: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    halves: ["a.m.", "p.m."],
};

#[rustfmt::skip]
static EN_IE: Names = Names {
    months: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    months_beside_day: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    short_months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"],
    short_months_beside_day: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"],
    days: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    short_days: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    halves: ["a.m.", "p.m."],
};

#[rustfmt::skip]
static EN_IN: Names = Names {
    months: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    months_beside_day: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    short_months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"],
    short_months_beside_day: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"],
    days: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    short_days: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    halves: ["AM", "PM"],
};

#[rustfmt::skip]
static ES: Names = Names {
    months: ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
    months_beside_day: ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
    short_months: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"],
    short_months_beside_day: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"],
    days: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
    short_days: ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
    halves: ["a.\u{a0}m.", "p.\u{a0}m."],
};

#[rustfmt::skip]
static ES_AR: Names = Names {
    months: ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
    months_beside_day: ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
    short_months: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
    short_months_beside_day: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
    days: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
    short_days: ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
    halves: ["a.\u{a0}m.", "p.\u{a0}m."],
};

#[rustfmt::skip]
static ES_CL: Names = Names {
    months: ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
    months_beside_day: ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
    short_months: ["ene.", "feb.", "mar.", "abr.", "may.", "jun.", "jul.", "ago.", "sept.", "oct.", "nov.", "dic."],
    short_months_beside_day: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
    days: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
    short_days: ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
    halves: ["a.\u{a0}m.", "p.\u{a0}m."],
};

#[rustfmt::skip]
static ES_MX: Names = Names {
    months: ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
    months_beside_day: ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
    short_months: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
    short_months_beside_day: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
    days: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
    short_days: ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
    halves: ["a.m.", "p.m."],
};

#[rustfmt::skip]
static ES_PE: Names = Names {
    months: ["Enero", "Febrero", "Marzo", "Abril", "Mayo", "Junio", "Julio", "Agosto", "Setiembre", "Octubre", "Noviembre", "Diciembre"],
    months_beside_day: ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "setiembre", "octubre", "noviembre", "diciembre"],
    short_months: ["Ene.", "Feb.", "Mar.", "Abr.", "May.", "Jun.", "Jul.", "Ago.", "Set.", "Oct.", "Nov.", "Dic."],
    short_months_beside_day: ["ene.", "feb.", "mar.", "abr.", "may.", "jun.", "jul.", "ago.", "set.", "oct.", "nov.", "dic."],
    days: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
    short_days: ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
    halves: ["a.\u{a0}m.", "p.\u{a0}m."],
};

#[rustfmt::skip]
static FI: Names = Names {
    months: ["tammikuu", "helmikuu", "maaliskuu", "huhtikuu", "toukokuu", "kesäkuu", "heinäkuu", "elokuu", "syyskuu", "lokakuu", "marraskuu", "joulukuu"],
    months_beside_day: ["tammikuuta", "helmikuuta", "maaliskuuta", "huhtikuuta", "toukokuuta", "kesäkuuta", "heinäkuuta", "elokuuta", "syyskuuta", "lokakuuta", "marraskuuta", "joulukuuta"],
    short_months: ["tammi", "helmi", "maalis", "huhti", "touko", "kesä", "heinä", "elo", "syys", "loka", "marras", "joulu"],
    short_months_beside_day: ["tammi", "helmi", "maalis", "huhti", "touko", "kesä", "heinä", "elo", "syys", "loka", "marras", "joulu"],
    days: ["maanantai", "tiistai", "keskiviikko", "torstai", "perjantai", "lauantai", "sunnuntai"],
    short_days: ["ma", "ti", "ke", "to", "pe", "la", "su"],
    halves: ["ap.", "ip."],
};

#[rustfmt::skip]
static FR: Names = Names {
    months: ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
    months_beside_day: ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
    short_months: ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
    short_months_beside_day: ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
    days: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    short_days: ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."],
    halves: ["AM", "PM"],
};

#[rustfmt::skip]
static FR_CA: Names = Names {
    months: ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
    months_beside_day: ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
    short_months: ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juill.", "août", "sept.", "oct.", "nov.", "déc."],
    short_months_beside_day: ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juill.", "août", "sept.", "oct.", "nov.", "déc."],
    days: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    short_days: ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."],
    halves: ["a.m.", "p.m."],
};

#[rustfmt::skip]
static IT: Names = Names {
    months: ["gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"],
    months_beside_day: ["gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"],
    short_months: ["gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"],
    short_months_beside_day: ["gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"],
    days: ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"],
    short_days: ["lun", "mar", "mer", "gio", "ven", "sab", "dom"],
    halves: ["AM", "PM"],
};

#[rustfmt::skip]
static JA: Names = Names {
    months: ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
    months_beside_day: ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
    short_months: ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
    short_months_beside_day: ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
    days: ["月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日", "日曜日"],
    short_days: ["月", "火", "水", "木", "金", "土", "日"],
    halves: ["午前", "午後"],
};

#[rustfmt::skip]
static NB: Names = Names {
    months: ["januar", "februar", "mars", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "desember"],
    months_beside_day: ["januar", "februar", "mars", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "desember"],
    short_months: ["jan", "feb", "mar", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "des"],
    short_months_beside_day: ["jan.", "feb.", "mars", "apr.", "mai", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "des."],
    days: ["mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag", "søndag"],
    short_days: ["man.", "tir.", "ons.", "tor.", "fre.", "lør.", "søn."],
    halves: ["a.m.", "p.m."],
};

#[rustfmt::skip]
static NL: Names = Names {
    months: ["januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"],
    months_beside_day: ["januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"],
    short_months: ["jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"],
    short_months_beside_day: ["jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"],
    days: ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
    short_days: ["ma", "di", "wo", "do", "vr", "za", "zo"],
    halves: ["a.m.", "p.m."],
};

#[rustfmt::skip]
static PL: Names = Names {
    months: ["styczeń", "luty", "marzec", "kwiecień", "maj", "czerwiec", "lipiec", "sierpień", "wrzesień", "październik", "listopad", "grudzień"],
    months_beside_day: ["stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia", "września", "października", "listopada", "grudnia"],
    short_months: ["sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru"],
    short_months_beside_day: ["sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru"],
    days: ["poniedziałek", "wtorek", "środa", "czwartek", "piątek", "sobota", "niedziela"],
    short_days: ["pon.", "wt.", "śr.", "czw.", "pt.", "sob.", "niedz."],
    halves: ["AM", "PM"],
};

#[rustfmt::skip]
static PT: Names = Names {
    months: ["janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"],
    months_beside_day: ["janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"],
    short_months: ["jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez."],
    short_months_beside_day: ["jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez."],
    days: ["segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"],
    short_days: ["seg.", "ter.", "qua.", "qui.", "sex.", "sáb.", "dom."],
    halves: ["AM", "PM"],
};

#[rustfmt::skip]
static PT_PT: Names = Names {
    months: ["janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"],
    months_beside_day: ["janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"],
    short_months: ["jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez."],
    short_months_beside_day: ["jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez."],
    days: ["segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"],
    short_days: ["segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo"],
    halves: ["da manhã", "da tarde"],
};

#[rustfmt::skip]
static SV: Names = Names {
    months: ["januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december"],
    months_beside_day: ["januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december"],
    short_months: ["jan.", "feb.", "mars", "apr.", "maj", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "dec."],
    short_months_beside_day: ["jan.", "feb.", "mars", "apr.", "maj", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "dec."],
    days: ["måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag"],
    short_days: ["mån", "tis", "ons", "tors", "fre", "lör", "sön"],
    halves: ["fm", "em"],
};

#[rustfmt::skip]
static SV_FI: Names = Names {
    months: ["januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december"],
    months_beside_day: ["januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december"],
    short_months: ["jan.", "feb.", "mars", "apr.", "maj", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "dec."],
    short_months_beside_day: ["jan.", "feb.", "mars", "apr.", "maj", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "dec."],
    days: ["måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag"],
    short_days: ["mån", "tis", "ons", "tors", "fre", "lör", "sön"],
    halves: ["fm.", "em."],
};

#[rustfmt::skip]
static ZH: Names = Names {
    months: ["一月", "二月", "三月", "四月", "五月", "六月", "七月", "八月", "九月", "十月", "十一月", "十二月"],
    months_beside_day: ["一月", "二月", "三月", "四月", "五月", "六月", "七月", "八月", "九月", "十月", "十一月", "十二月"],
    short_months: ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
    short_months_beside_day: ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
    days: ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"],
    short_days: ["周一", "周二", "周三", "周四", "周五", "周六", "周日"],
    halves: ["上午", "下午"],
};

#[rustfmt::skip]
static ZH_HANT: Names = Names {
    months: ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
    months_beside_day: ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
    short_months: ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
    short_months_beside_day: ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
    days: ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"],
    short_days: ["週一", "週二", "週三", "週四", "週五", "週六", "週日"],
    halves: ["上午", "下午"],
};
