//! The SM algorithms against the vectors of the national standards: whatever is sealed or signed stands on them.

use sm2::SecretKey;
use sm2::dsa::signature::Verifier;
use sm2::dsa::signature::hazmat::PrehashVerifier;
use sm2::dsa::{Signature, VerifyingKey};
use sm2::elliptic_curve::sec1::ToSec1Point;
use sm2::pke::{DecryptingKey, Mode};
use xiaoshu::report::digital_base::{KeyCut, Sealer, TextCode, sm3_hex, sm4_decrypt_ecb, sm4_encrypt_ecb};

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).unwrap()
}

fn key(text: &str) -> [u8; 16] {
    bytes(text).try_into().unwrap()
}

const SM4_KEY: &str = "01234567 89abcdef fedcba98 76543210";

#[test]
fn sm3_of_the_standards_examples() {
    let gb18030 = encoding_rs::GB18030.encode("职业教育").0;
    let cases: [(&[u8], &str); 5] = [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (&b"abcd".repeat(16), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
        (b"", "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"),
        ("职业教育".as_bytes(), "24362908c5292501dc7187ba83016b8e4c628687ae6f1b15029d1bb2d4f1986b"),
        (&gb18030, "38ede4d75f9854667e68fe3c419b02bc20e9ac9d828820eb68883508e3afbf29"),
    ];
    for (input, want) in cases {
        assert_eq!(sm3_hex(&[input]), want);
        let (head, tail) = input.split_at(input.len() / 2);
        assert_eq!(sm3_hex(&[head, tail]), want, "parts in a row are one text");
    }
}

#[test]
fn sm4_of_the_standards_examples() {
    let k = key(SM4_KEY);
    assert_eq!(sm4_encrypt_ecb(&k, &k)[..16], bytes("681edf34d206965e86b3e94f536e4246"));
    let text = "职业教育".as_bytes();
    let sealed = sm4_encrypt_ecb(&k, text);
    assert_eq!(hex::encode(&sealed), "d980eff9d7f9cc268835650ae4a688d5");
    assert_eq!(sm4_decrypt_ecb(&k, &sealed).unwrap(), text);
}

#[test]
fn sm4_a_million_times() {
    use sm4::cipher::{BlockCipherEncrypt, KeyInit};
    let k = key(SM4_KEY);
    let cipher = sm4::Sm4::new(&k.into());
    let mut block = k.into();
    for _ in 0..1_000_000 {
        cipher.encrypt_block(&mut block);
    }
    assert_eq!(block.to_vec(), bytes("595298c7c6fd271f0402f804c33d3f66"));
}

#[test]
fn sealed_texts_of_any_length_come_back_and_damaged_ones_do_not() {
    let k = key(SM4_KEY);
    for len in 0..70 {
        let plain: Vec<u8> = (0..len).collect();
        let sealed = sm4_encrypt_ecb(&k, &plain);
        assert_eq!(sealed.len() % 16, 0);
        assert!(sealed.len() > plain.len());
        assert_eq!(sm4_decrypt_ecb(&k, &sealed).unwrap(), plain);
        assert!(sm4_decrypt_ecb(&k, &sealed[..sealed.len() - 1]).is_err());
    }
    assert!(sm4_decrypt_ecb(&k, &[]).is_err());
}

#[test]
fn the_key_comes_from_the_secret_as_the_settings_say() {
    let plain = b"rows";
    let want = |key: &[u8; 16]| hex::encode(sm4_encrypt_ecb(key, plain));
    let got = |secret, cut, code| Sealer::new(secret, cut, code).map(|s| hex::encode(s.encrypt(plain)));
    assert_eq!(got("0123456789abcdef", KeyCut::Whole, TextCode::Utf8).unwrap(), want(b"0123456789abcdef"));
    assert_eq!(got("xxxx0123456789abcdefyyyy", KeyCut::Chars5To20, TextCode::Utf8).unwrap(), want(b"0123456789abcdef"));
    assert_eq!(got("30313233343536373839616263646566", KeyCut::Whole, TextCode::Hex).unwrap(), want(b"0123456789abcdef"));
    assert!(got("too short", KeyCut::Whole, TextCode::Utf8).is_err());
    let sealer = Sealer::new("0123456789abcdef", KeyCut::Whole, TextCode::Utf8).unwrap();
    assert!(!format!("{sealer:?}").contains("0123"));
}

const SM2_D: &str = "3945208F 7B2144B1 3F36E38A C6D39F95 88939369 2860B51A 42FB81EF 4DF7C5B8";
const SM2_PUBLIC: &str = "04 09F9DF31 1E5421A1 50DD7D16 1E4BC5C6 72179FAD 1833FC07 6BB08FF3 56F35020 \
                          CCEA490C E26775A5 2DC6EA71 8CC1AA60 0AED05FB F35E084A 6632F607 2DA9AD13";
const SM2_ID: &str = "1234567812345678";

#[test]
fn sm2_public_key_of_the_private_key() {
    let secret = SecretKey::from_slice(&bytes(SM2_D)).unwrap();
    assert_eq!(secret.public_key().to_sec1_point(false).as_bytes(), bytes(SM2_PUBLIC));
}

#[test]
fn sm2_signature_of_the_standards_example() {
    let verifier = VerifyingKey::from_sec1_bytes(SM2_ID, &bytes(SM2_PUBLIC)).unwrap();
    let r_s = bytes(
        "F5A03B06 48D2C463 0EEAC513 E1BB81A1 5944DA38 27D5B741 43AC7EAC EEE720B3 \
         B1B6AA29 DF212FD8 763182BC 0D421CA1 BB9038FD 1F7F42D4 840B69C4 85BBC1AA",
    );
    let signature = Signature::from_slice(&r_s).unwrap();
    verifier.verify(b"message digest", &signature).unwrap();
    let e = bytes("F0B43E94 BA45ACCA ACE692ED 534382EB 17E6AB5A 19CE7B31 F4486FDF C0D28640");
    verifier.verify_prehash(&e, &signature).unwrap();
    assert!(verifier.verify(b"message digesT", &signature).is_err());
    let other = VerifyingKey::from_sec1_bytes("8765432187654321", &bytes(SM2_PUBLIC)).unwrap();
    assert!(other.verify(b"message digest", &signature).is_err(), "the signer's id is part of what is signed");
}

#[test]
fn sm2_cipher_text_of_the_standards_example() {
    let c1 = "04 04EBFC71 8E8D1798 62043226 8E77FEB6 415E2EDE 0E073C0F 4F640ECD 2E149A73 \
              E858F9D8 1E5430A5 7B36DAAB 8F950A3C 64E6EE6A 63094D99 283AFF76 7E124DF0";
    let c2 = "21886CA9 89CA9C7D 58087307 CA93092D 651EFA";
    let c3 = "59983C18 F809E262 923C53AE C295D303 83B54E39 D609D160 AFCB1908 D0BD8766";
    for (mode, order) in [(Mode::C1C3C2, [c1, c3, c2]), (Mode::C1C2C3, [c1, c2, c3])] {
        let secret = SecretKey::from_slice(&bytes(SM2_D)).unwrap();
        let decrypting = DecryptingKey::new_with_mode(secret.to_nonzero_scalar(), mode);
        assert_eq!(decrypting.decrypt(&bytes(&order.concat())).unwrap(), b"encryption standard");
    }
}
