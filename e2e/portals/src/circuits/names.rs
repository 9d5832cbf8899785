//! Invented people and places.

pub(super) const FIRST: [&str; 32] = [
    "Thabo", "Lerato", "Sipho", "Naledi", "Pieter", "Annelie", "Johan", "Fatima", "Yusuf",
    "Ayesha", "Nomsa", "Kagiso", "Zanele", "Bongani", "Michelle", "Craig", "Priya", "Rajesh",
    "Lindiwe", "Themba", "Chantal", "Werner", "Riaan", "Palesa", "Mandla", "Tracey", "Imraan",
    "Busisiwe", "Gareth", "Shireen", "Tebogo", "Elmarie",
];

pub(super) const LAST: [&str; 32] = [
    "Nkosi",
    "Dlamini",
    "van der Merwe",
    "Botha",
    "Naidoo",
    "Pillay",
    "Khumalo",
    "Mokoena",
    "Smith",
    "Jacobs",
    "Adams",
    "Petersen",
    "Mahlangu",
    "Sithole",
    "du Plessis",
    "Venter",
    "Govender",
    "Abrahams",
    "Zulu",
    "Molefe",
    "Fourie",
    "Steyn",
    "Williams",
    "Davids",
    "Ndlovu",
    "Mthembu",
    "Coetzee",
    "Kruger",
    "Ismail",
    "Hendricks",
    "Radebe",
    "O'Reilly",
];

pub(super) const STREETS: [&str; 24] = [
    "Milner Road",
    "Protea Avenue",
    "Jakaranda Street",
    "Kloof Street",
    "Baobab Crescent",
    "Long Street",
    "Main Road",
    "Marula Close",
    "Sunbird Lane",
    "Nelson Mandela Drive",
    "Kerk Street",
    "Voortrekker Road",
    "Fynbos Way",
    "Impala Street",
    "Beach Road",
    "Vineyard Road",
    "Station Road",
    "Acacia Street",
    "Disa Avenue",
    "Plein Street",
    "Heron Close",
    "Lion Street",
    "Oak Avenue",
    "Harbour Road",
];

/// Suburbs with city and postal code.
pub(super) const SUBURBS: [(&str, &str, &str); 20] = [
    ("Claremont", "Cape Town", "7708"),
    ("Sea Point", "Cape Town", "8005"),
    ("Durbanville", "Cape Town", "7550"),
    ("Table View", "Cape Town", "7441"),
    ("Observatory", "Cape Town", "7925"),
    ("Randburg", "Johannesburg", "2194"),
    ("Rosebank", "Johannesburg", "2196"),
    ("Fourways", "Johannesburg", "2191"),
    ("Midrand", "Johannesburg", "1685"),
    ("Hatfield", "Pretoria", "0083"),
    ("Menlyn", "Pretoria", "0181"),
    ("Centurion", "Pretoria", "0157"),
    ("Umhlanga", "Durban", "4319"),
    ("Berea", "Durban", "4001"),
    ("Westville", "Durban", "3629"),
    ("Polokwane Central", "Polokwane", "0699"),
    ("Sunset Park", "Secunda", "2302"),
    ("Ermelo Ext 7", "Ermelo", "2351"),
    ("Vaalpark", "Sasolburg", "1947"),
    ("Walmer", "Gqeberha", "6070"),
];

pub(super) const COMPLEXES: [&str; 10] = [
    "Villa Toscana",
    "The Palms",
    "Kingfisher Place",
    "Stonebridge",
    "Bella Vista",
    "Eagle's Nest",
    "Mulberry Mews",
    "Park Lane Lofts",
    "Riverside Estate",
    "Woodlands",
];

/// Download and upload speeds in Mbps.
pub(super) const SPEEDS: [(u32, u32); 8] =
    [(25, 25), (50, 25), (50, 50), (100, 50), (100, 100), (200, 200), (500, 250), (1000, 500)];

pub(super) const DEVICES: [&str; 5] =
    ["Huawei EG8145V5", "Nokia G-140W-C", "Calix 803G", "ZTE F670L", "Genexis Pure ED500"];
