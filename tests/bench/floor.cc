#include "tests/bench/floor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace stswatch::bench {
namespace {

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("floor: ") + what + " failed");
}

class Socket {
 public:
  Socket(const Address& address, std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    std::memcpy(&to.sin_addr, address.octets().data(), 4);
    require(fd_ >= 0 && ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "connect");
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

struct FreeSession {
  void operator()(SSL* session) const { SSL_free(session); }
};

}  // namespace

Floor::Floor(const std::string& ca_file) : context_(SSL_CTX_new(TLS_client_method())) {
  require(context_ != nullptr, "SSL_CTX_new");
  require(SSL_CTX_load_verify_locations(context_, ca_file.c_str(), nullptr) == 1, "loading the roots");
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
}

Floor::~Floor() { SSL_CTX_free(context_); }

void Floor::handshake(const Address& address, const std::string& host) const {
  const Socket socket(address, 443);
  const std::unique_ptr<SSL, FreeSession> session(SSL_new(context_));
  require(session != nullptr, "SSL_new");
  SSL_set_tlsext_host_name(session.get(), host.c_str());
  SSL_set1_host(session.get(), host.c_str());
  SSL_set_hostflags(session.get(),
                    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_set_fd(session.get(), socket.fd());
  require(SSL_connect(session.get()) == 1, "SSL_connect");
  require(SSL_get_verify_result(session.get()) == X509_V_OK, "verification");
  SSL_shutdown(session.get());
}

}  // namespace stswatch::bench
