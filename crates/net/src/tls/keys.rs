//! Private keys as files have them: PKCS #8, PKCS #1 or SEC 1, plain or encrypted with a password, by
//! aws-lc's reader of PEM, which knows all forms that OpenSSL writes.

use std::ffi::{c_int, c_void};
use std::ptr::{NonNull, null_mut};

use aws_lc_sys as lc;

/// Why a file gives no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// No private key is in it.
    None,
    /// It is encrypted, and there is no password.
    Encrypted,
    /// The password does not open it.
    Password,
}

impl std::fmt::Display for KeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "no private key in PEM is in it",
            Self::Encrypted => "the key is encrypted, and no password is set",
            Self::Password => "the password does not open the key",
        })
    }
}

/// Owns what aws-lc has made.
struct Owned<T>(NonNull<T>, unsafe extern "C" fn(*mut T));

impl<T> Owned<T> {
    fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        NonNull::new(pointer).map(|pointer| Self(pointer, free))
    }

    fn get(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: made by aws-lc, and freed once, by the function that belongs to it.
        unsafe { (self.1)(self.get()) };
    }
}

unsafe extern "C" fn free_bio(bio: *mut lc::BIO) {
    // SAFETY: as the caller promises.
    unsafe { lc::BIO_free(bio) };
}

/// What the callback is told, and tells.
struct Asked<'a> {
    password: Option<&'a [u8]>,
    asked: bool,
}

/// Gives the password to aws-lc (`pem_password_cb`); without this it would ask on the terminal.
unsafe extern "C" fn give(room: *mut i8, size: c_int, _: c_int, data: *mut c_void) -> c_int {
    // SAFETY: `data` is the `Asked` of the call that this one belongs to.
    let asked = unsafe { &mut *data.cast::<Asked<'_>>() };
    asked.asked = true;
    let Some(password) = asked.password else {
        return -1;
    };
    let (Ok(length), true) = (
        c_int::try_from(password.len()),
        usize::try_from(size).is_ok_and(|size| password.len() <= size),
    ) else {
        return -1;
    };
    // SAFETY: `room` has `size` bytes, and the password is not longer.
    unsafe { std::ptr::copy_nonoverlapping(password.as_ptr(), room.cast(), password.len()) };
    length
}

/// The first private key of a PEM file, as PKCS #8 in DER.
///
/// # Errors
/// [`KeyError`] says what is missing.
pub fn private_key(pem: &[u8], password: Option<&[u8]>) -> Result<Vec<u8>, KeyError> {
    let mut asked = Asked {
        password,
        asked: false,
    };
    let key = read(pem, &mut asked).ok_or(match (asked.asked, password) {
        (false, _) => KeyError::None,
        (true, None) => KeyError::Encrypted,
        (true, Some(_)) => KeyError::Password,
    });
    // SAFETY: errors of this thread, which were looked at above.
    unsafe { lc::ERR_clear_error() };
    key
}

fn read(pem: &[u8], asked: &mut Asked<'_>) -> Option<Vec<u8>> {
    let length = lc::ossl_ssize_t::try_from(pem.len()).ok()?;
    // SAFETY: `pem` is readable for its length, and outlives the reader.
    let bio = unsafe { lc::BIO_new_mem_buf(pem.as_ptr().cast(), length) };
    let bio = Owned::new(bio, free_bio)?;
    let data = std::ptr::from_mut(asked).cast();
    // SAFETY: the reader is valid; the callback gets `asked`, which outlives the call.
    let key = unsafe { lc::PEM_read_bio_PrivateKey(bio.get(), null_mut(), Some(give), data) };
    let key = Owned::new(key, lc::EVP_PKEY_free)?;
    // SAFETY: a valid key.
    let info = unsafe { lc::EVP_PKEY2PKCS8(key.get()) };
    let info = Owned::new(info, lc::PKCS8_PRIV_KEY_INFO_free)?;
    // SAFETY: a valid key; with no place to write to, only the length is given.
    let length = unsafe { lc::i2d_PKCS8_PRIV_KEY_INFO(info.get(), null_mut()) };
    let mut der = vec![0; usize::try_from(length).ok()?];
    let mut place = der.as_mut_ptr();
    // SAFETY: there is room for the length that was just given.
    let written = unsafe { lc::i2d_PKCS8_PRIV_KEY_INFO(info.get(), &raw mut place) };
    (written == length).then_some(der)
}
