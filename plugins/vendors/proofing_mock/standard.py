"""The standard applicant: what the mock reads from every image. A person who does not exist."""

from proofing.plugin import Applicant

#: As on a driver's license of North Dakota.
LICENSE = Applicant(
    first_name="FAKEY",
    last_name="MCFAKERSON",
    name_suffix="JR",
    dob="1938-10-06",
    sex="male",
    height=72,
    address1="1 FAKE RD",
    city="GREAT FALLS",
    state="MT",
    zipcode="59010-1234",
    state_id_number="1111111111111",
    state_id_jurisdiction="ND",
    state_id_issued="2019-12-31",
    state_id_expiration="2099-12-31",
    issuing_country_code="US",
    document_type_received="drivers_license",
)
#: The same person on a passport, which knows no address.
PASSPORT = Applicant(
    first_name="FAKEY",
    last_name="MCFAKERSON",
    name_suffix="JR",
    dob="1938-10-06",
    sex="male",
    birth_place="MONTANA",
    document_number="000000000",
    document_type_received="passport",
    issuing_country_code="USA",
    nationality_code="USA",
    passport_issued="2019-12-31",
    passport_expiration="2099-12-31",
    mrz="P<USAMCFAKERSON<<FAKEY<JR<<<<<<<<<<<<<<<<<<<0000000000USA3810062M9912315<<<<<<<<<<<<<<08",
)
