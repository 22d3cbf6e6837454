// The roots: what is loaded, what is refused, and that errors name the file.
#include "checks/observe/tls/verify.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/observe/test_pki.h"

using namespace stswatch;
using namespace stswatch::pki;

namespace {

std::string load_error(const std::string& path) {
  auto loaded = TrustStore::load(path);
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().find(path) != std::string::npos);
  return loaded.error();
}

}  // namespace

TEST_CASE("a file of roots replaces the system's") {
  const auto one = issue({.cn = "One", .ca = true});
  const auto two = issue({.cn = "Two", .ca = true});
  const TemporaryFile forth(pem_of(one) + "text between is skipped\n" + pem_of(two));
  const TemporaryFile back(pem_of(two) + pem_of(one) + pem_of(one));
  const auto a = TrustStore::load(forth.path());
  const auto b = TrustStore::load(back.path());
  REQUIRE(a.has_value());
  REQUIRE(b.has_value());
  CHECK((*a)->file() == forth.path());
  CHECK((*a)->size() == 2);
  CHECK((*a)->sha256().size() == 64);
  CHECK_MESSAGE((*a)->sha256() == (*b)->sha256(), "the same roots in another order are the same store");
  CHECK((*b)->size() == 2);
}

TEST_CASE("another root is another store") {
  const TemporaryFile one(pem_of(issue({.cn = "One", .ca = true})));
  CHECK((*TrustStore::load(one.path()))->sha256() != Authority::get().trust->sha256());
}

TEST_CASE("errors name the file and what is wrong with it") {
  const std::string pem = pem_of(Authority::get().root);
  const TemporaryFile empty(""), text("no certificates here\n"), damaged(pem + pem.substr(0, pem.size() / 2)),
      garbled("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  CHECK(load_error("/nonexistent/roots.pem").find("No such file") != std::string::npos);
  CHECK(load_error("/etc").find("directory") != std::string::npos);
  CHECK(load_error(empty.path()).find("no certificate") != std::string::npos);
  CHECK(load_error(text.path()).find("no certificate") != std::string::npos);
  CHECK(load_error(damaged.path()).find("certificate 2 is damaged") != std::string::npos);
  CHECK(load_error(garbled.path()).find("certificate 1 is damaged") != std::string::npos);
  if (::geteuid() != 0) {  // root reads everything
    const TemporaryFile locked(pem);
    ::chmod(locked.path().c_str(), 0);
    CHECK(load_error(locked.path()).find("Permission denied") != std::string::npos);
  }
}

TEST_CASE("the system's bundle, where there is one") {
  auto loaded = TrustStore::load("");
  if (!loaded) {
    MESSAGE("no system store here: ", loaded.error());
    return;
  }
  CHECK((*loaded)->size() > 1);
  CHECK_FALSE((*loaded)->file().empty());
}
