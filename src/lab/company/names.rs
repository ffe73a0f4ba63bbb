//! What people, places and jobs are called.

/// A place of work.
#[derive(Debug, PartialEq)]
pub struct Site {
    pub city: &'static str,
    pub region: &'static str,
    pub postal_code: &'static str,
    pub street: &'static str,
    /// ISO 3166 alpha-2.
    pub country: &'static str,
    /// IANA.
    pub zone: &'static str,
    /// RFC 4646.
    pub language: &'static str,
    pub(super) dialling: &'static str,
    pub(super) given: &'static [&'static str],
    pub(super) family: &'static [&'static str],
}

pub(super) const CHIEF: &str = "Managing Director";

/// Division, department, titles.
pub(super) const JOBS: &[(&str, &str, &[&str])] = &[
    (
        "Head Office",
        "Finance",
        &[
            "Accountant",
            "Controller",
            "Payroll Specialist",
            "Treasury Analyst",
        ],
    ),
    (
        "Head Office",
        "People",
        &["Recruiter", "People Partner", "Training Coordinator"],
    ),
    (
        "Head Office",
        "Technology",
        &[
            "Systems Engineer",
            "Developer",
            "Service Desk Analyst",
            "Data Engineer",
        ],
    ),
    (
        "Commerce",
        "Sales",
        &["Account Executive", "Sales Engineer", "Bid Manager"],
    ),
    (
        "Commerce",
        "Customer Care",
        &["Care Agent", "Care Lead", "Complaints Specialist"],
    ),
    (
        "Operations",
        "Planning",
        &["Route Planner", "Timetable Analyst", "Capacity Planner"],
    ),
    (
        "Operations",
        "Drivers",
        &["Driver", "Senior Driver", "Driver Instructor"],
    ),
    (
        "Operations",
        "Track and Works",
        &["Fitter", "Signal Technician", "Welder", "Works Supervisor"],
    ),
    (
        "Operations",
        "Stations",
        &["Station Assistant", "Ticket Inspector", "Station Supervisor"],
    ),
];

/// Departments that work outside.
pub(super) const FIELD: &[&str] = &["Drivers", "Track and Works", "Stations"];

/// Longer than a common name (64 characters) or a user name may be.
pub(super) const LONG: &[(&str, &str)] = &[
    (
        "Maximiliane Friederike Charlotte Elisabeth",
        "von Hohenstein-Löwenberg zu Altenburg-Sachsenhausen",
    ),
    (
        "José María Francisco de Paula Fernando",
        "Fernández de Córdoba y Álvarez de Toledo-Ponce de León",
    ),
    (
        "Lalithambika Venkatanarasimharajuvaripeta",
        "Uvuvwevwevwe Onyetenyevwe Ugwemubwem Ossas",
    ),
];

pub(super) const SITES: &[Site] = &[
    Site {
        city: "München",
        region: "Bayern",
        postal_code: "80331",
        street: "Sendlinger Straße 12",
        country: "DE",
        zone: "Europe/Berlin",
        language: "de-DE",
        dialling: "49 89",
        given: &[
            "Jürgen",
            "Käthe",
            "Björn",
            "Zoë",
            "Änne",
            "Sören",
            "Lukas",
            "Ruth",
            "Götz",
            "Friederike",
        ],
        family: &[
            "Müller", "Groß", "Weiß", "Schäfer", "Köhler", "Strauß", "Özdemir", "Huber", "Böhm", "Yıldız",
        ],
    },
    Site {
        city: "London",
        region: "Greater London",
        postal_code: "W1U 6SN",
        street: "12 St James's Square",
        country: "GB",
        zone: "Europe/London",
        language: "en-GB",
        dialling: "44 20",
        given: &[
            "Ada", "Charles", "Siân", "Niamh", "Olu", "Priya", "George", "Chloë", "Hamish", "Grace",
        ],
        family: &[
            "O'Neill",
            "Lovelace",
            "Babbage",
            "Okafor",
            "Fitz-Gerald",
            "Patel",
            "Ó Briain",
            "Smith",
            "de la Mare",
            "Khan",
        ],
    },
    Site {
        city: "Warszawa",
        region: "Mazowieckie",
        postal_code: "00-001",
        street: "ul. Świętokrzyska 14",
        country: "PL",
        zone: "Europe/Warsaw",
        language: "pl-PL",
        dialling: "48 22",
        given: &[
            "Łukasz",
            "Małgorzata",
            "Zbigniew",
            "Agnieszka",
            "Żaneta",
            "Wojciech",
            "Józef",
            "Święta",
        ],
        family: &[
            "Wiśniewska",
            "Dąbrowski",
            "Wójcik",
            "Łuczak",
            "Zając",
            "Król",
            "Brzęczyszczykiewicz",
            "Nowak",
        ],
    },
    Site {
        city: "Reykjavík",
        region: "Höfuðborgarsvæðið",
        postal_code: "101",
        street: "Laugavegur 7",
        country: "IS",
        zone: "Atlantic/Reykjavik",
        language: "is-IS",
        dialling: "354",
        given: &["Þórður", "Guðrún", "Sæunn", "Ægir", "Ásta", "Björk"],
        family: &[
            "Þorsteinsson",
            "Guðmundsdóttir",
            "Æsuson",
            "Jökulsdóttir",
            "Sigurðsson",
        ],
    },
    Site {
        city: "København",
        region: "Hovedstaden",
        postal_code: "1050",
        street: "Kongens Nytorv 3",
        country: "DK",
        zone: "Europe/Copenhagen",
        language: "da-DK",
        dialling: "45 33",
        given: &["Søren", "Åse", "Jørgen", "Kirsten", "Bjørn", "Mette"],
        family: &["Kierkegård", "Sørensen", "Østergaard", "Ågård", "Lærke", "Holm"],
    },
    Site {
        city: "São Paulo",
        region: "SP",
        postal_code: "01310-100",
        street: "Avenida Paulista 900",
        country: "BR",
        zone: "America/Sao_Paulo",
        language: "pt-BR",
        dialling: "55 11",
        given: &["João", "Conceição", "Luís", "Inês", "Antônio", "Thaís"],
        family: &[
            "Gonçalves",
            "da Conceição",
            "Araújo",
            "Magalhães",
            "dos Santos",
            "Simões",
        ],
    },
    Site {
        city: "東京",
        region: "東京都",
        postal_code: "100-0005",
        street: "丸の内1-1",
        country: "JP",
        zone: "Asia/Tokyo",
        language: "ja-JP",
        dialling: "81 3",
        given: &["Yūki", "Haruka", "Kenji", "Ryō", "Sakura", "Jun'ichi"],
        family: &["Satō", "Suzuki", "Itō", "Kōno", "Watanabe", "Ōtani"],
    },
    Site {
        city: "Chennai",
        region: "Tamil Nadu",
        postal_code: "600002",
        street: "12 Anna Salai",
        country: "IN",
        zone: "Asia/Kolkata",
        language: "en-IN",
        dialling: "91 44",
        given: &[
            "Anbarasan",
            "Lakshmi",
            "Venkatesh",
            "Meenakshi",
            "R. Krishnan",
            "Divya",
        ],
        family: &[
            "Ramanujan",
            "Subramanian",
            "Chandrasekhar",
            "Balasubramaniam",
            "Iyer",
            "K",
        ],
    },
    Site {
        city: "Auckland",
        region: "Auckland",
        postal_code: "1010",
        street: "45 Queen Street",
        country: "NZ",
        zone: "Pacific/Auckland",
        language: "en-NZ",
        dialling: "64 9",
        given: &["Māia", "Tāne", "Aroha", "Wiremu", "Emma", "Liam"],
        family: &["Ngāta", "Te Kanawa", "Pōmare", "Taylor", "Walker"],
    },
    Site {
        city: "Montréal",
        region: "Québec",
        postal_code: "H2Y 1C6",
        street: "275, rue Notre-Dame Est",
        country: "CA",
        zone: "America/Toronto",
        language: "fr-CA",
        dialling: "1 514",
        given: &["François", "Hélène", "Benoît", "Noémie", "Gaétan", "Renée"],
        family: &[
            "Lévesque",
            "Côté",
            "L'Heureux",
            "Bélanger",
            "Saint-Laurent",
            "Ouellette",
        ],
    },
];
