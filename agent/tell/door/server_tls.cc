#include "agent/tell/door/web_gate.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>

#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr long kClientChain = 32L << 10;  // octets of the certificates of a client

std::string openssl_says() {
  std::array<char, 256> text{};
  const auto error = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0) return "for no reason that OpenSSL gives";
  if (const char* reason = ERR_reason_error_string(error)) return reason;
  ERR_error_string_n(error, text.data(), text.size());
  return text.data();
}

int verify_mode(WebTls::ClientAuth auth) {
  switch (auth) {
    case WebTls::ClientAuth::none:
      return SSL_VERIFY_NONE;
    case WebTls::ClientAuth::request:
    case WebTls::ClientAuth::verify_if_given:
      return SSL_VERIFY_PEER;
    case WebTls::ClientAuth::require_any:
    case WebTls::ClientAuth::require_and_verify:
      break;
  }
  return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

int accept_any(int, X509_STORE_CTX*) { return 1; }

void count_record(int written, int, int type, const void*, size_t, SSL*, void* count) {
  if (written == 0 && type == SSL3_RT_HEADER) ++*static_cast<std::size_t*>(count);
}

/// Empty when all went well.
std::string set_up(SSL_CTX* context, const WebTls& config) {
  if (SSL_CTX_use_certificate_chain_file(context, config.cert_file.c_str()) != 1)
    return "cert_file " + config.cert_file + " cannot be used: " + openssl_says();
  if (SSL_CTX_use_PrivateKey_file(context, config.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return "key_file " + config.key_file + " cannot be used with cert_file " + config.cert_file + ": " +
           openssl_says();
  if (!config.client_ca_file.empty()) {
    auto* names = SSL_load_client_CA_file(config.client_ca_file.c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(context, config.client_ca_file.c_str()) != 1)
      return "client_ca_file " + config.client_ca_file + " cannot be used: " + openssl_says();
    SSL_CTX_set_client_CA_list(context, names);
  }
  const bool any = config.client_auth == WebTls::ClientAuth::request ||
                   config.client_auth == WebTls::ClientAuth::require_any;
  SSL_CTX_set_verify(context, verify_mode(config.client_auth), any ? accept_any : nullptr);
  SSL_CTX_set_min_proto_version(context, config.min_version);
  SSL_CTX_set_max_proto_version(context, config.max_version);
  std::vector<std::string> ciphers;
  for (const auto& name : config.cipher_suites) {
    // Those of TLS 1.3 are not negotiable here, as in Go.
    const std::string known = OPENSSL_cipher_name(name.c_str());
    if (known == "(NONE)") return "cipher_suites: OpenSSL does not know " + name;
    if (!known.starts_with("TLS_")) ciphers.push_back(known);
  }
  if (!ciphers.empty() && SSL_CTX_set_cipher_list(context, text::joined(ciphers, ":").c_str()) != 1)
    return "cipher_suites cannot be used: " + openssl_says();
  if (!config.curves.empty() &&
      SSL_CTX_set1_groups_list(context, text::joined(config.curves, ":").c_str()) != 1)
    return "curve_preferences cannot be used: " + openssl_says();
  return {};
}

}  // namespace

void ServerTls::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void TlsSession::Free::operator()(ssl_st* session) const { SSL_free(session); }

tl::expected<std::shared_ptr<const ServerTls>, std::string> ServerTls::make(const WebTls& config) {
  ERR_clear_error();
  auto* context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) return tl::make_unexpected("TLS cannot be set up: " + openssl_says());
  const std::shared_ptr<const ServerTls> tls(new ServerTls(context));
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // Who changes keys without end would keep the one thread in one read: each record is a turn of its own.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  // Strangers fill both: sessions that are resumed by ticket need no cache.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(context, kClientChain);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  static constexpr unsigned char kContext[] = "stswatch";  // sessions of verified clients want a name
  SSL_CTX_set_session_id_context(context, kContext, sizeof kContext - 1);
  if (auto wrong = set_up(context, config); !wrong.empty()) return tl::make_unexpected(std::move(wrong));
  return tls;
}

TlsSession::TlsSession(std::shared_ptr<const ServerTls> tls, int socket)
    : tls_(std::move(tls)), session_(SSL_new(tls_->context())) {
  if (!session_) return;
  SSL_set_fd(session_.get(), socket);
  SSL_set_msg_callback(session_.get(), count_record);
  SSL_set_msg_callback_arg(session_.get(), &idle_records_);
}

TlsSession::~TlsSession() = default;

TlsSession::Io TlsSession::outcome(int result) {
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Io::want_read;
    case SSL_ERROR_WANT_WRITE:
      return Io::want_write;
    default:
      spoke_http_ = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
      up_ = false;
      ERR_clear_error();
      return Io::ended;
  }
}

TlsSession::Io TlsSession::accept() {
  if (!session_) return Io::ended;
  ERR_clear_error();
  const int result = SSL_accept(session_.get());
  up_ = result == 1;
  idle_records_ = 0;
  return up_ ? Io::done : outcome(result);
}

TlsSession::Io TlsSession::read(char* into, std::size_t room, std::size_t* count) {
  ERR_clear_error();
  const int result = SSL_read_ex(session_.get(), into, room, count);
  if (result == 1 && idle_records_ > 0) --idle_records_;
  return result == 1 ? Io::done : outcome(result);
}

TlsSession::Io TlsSession::write(const char* from, std::size_t size, std::size_t* count) {
  ERR_clear_error();
  const int result = SSL_write_ex(session_.get(), from, size, count);
  return result == 1 ? Io::done : outcome(result);
}

std::size_t TlsSession::pending() const { return static_cast<std::size_t>(SSL_pending(session_.get())); }

std::size_t TlsSession::octets_read() const { return BIO_number_read(SSL_get_rbio(session_.get())); }

void TlsSession::say_goodbye() {
  if (!up_) return;
  up_ = false;
  ERR_clear_error();
  SSL_shutdown(session_.get());
  ERR_clear_error();
}

}  // namespace stswatch
