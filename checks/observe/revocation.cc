#include "checks/observe/revocation.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "checks/facts/bounds.h"
#include "checks/observe/http_response.h"
#include "checks/observe/tls/connection.h"

namespace stswatch {
namespace {

using CrlPtr = std::unique_ptr<X509_CRL, FreeWith<X509_CRL_free>>;
using StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;

struct HttpUrl {
  std::string host, path = "/";
  std::uint16_t port = 80;
};

/// RFC 9110 §4.2.1; without user, in brackets or otherwise odd ones nothing is asked.
std::optional<HttpUrl> parse_url(std::string_view url) {
  url.remove_prefix(std::string_view("http://").size());
  const bool plain = std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
  HttpUrl out;
  const auto slash = url.find_first_of("/?#");
  auto authority = url.substr(0, slash);
  if (!plain || authority.find_first_of("@[]") != authority.npos) return std::nullopt;
  if (slash != url.npos)
    out.path = (url[slash] == '/' ? "" : "/") + std::string(url.substr(slash, url.find('#') - slash));
  if (const auto colon = authority.find(':'); colon != authority.npos) {
    const auto digits = authority.substr(colon + 1);
    const auto end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, out.port).ptr != end || out.port == 0) return std::nullopt;
    authority = authority.substr(0, colon);
  }
  out.host = authority;
  return out.host.empty() ? std::nullopt : std::optional(out);
}

CrlPtr parse_crl(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return CrlPtr(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
}

std::string reason_words(const X509_REVOKED* entry) {
  const std::unique_ptr<ASN1_ENUMERATED, FreeWith<ASN1_ENUMERATED_free>> reason(
      static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, nullptr, nullptr)));
  constexpr std::array<std::string_view, 11> kWords{"",
                                                    "key compromise",
                                                    "CA compromise",
                                                    "affiliation changed",
                                                    "superseded",
                                                    "ceased",
                                                    "on hold",
                                                    "",
                                                    "",
                                                    "withdrawn",
                                                    "authority compromise"};
  const long code = reason ? ASN1_ENUMERATED_get(reason.get()) : 0;
  const bool known = code > 0 && code < static_cast<long>(kWords.size());
  const auto words = known ? kWords[static_cast<std::size_t>(code)] : std::string_view();
  return words.empty() ? std::string() : " (" + std::string(words) + ")";
}

/// RFC 5280 §6.3.3, by OpenSSL: the list's signature, scope and dates, with the issuer as the only anchor.
std::optional<bool> judged_by(X509_CRL* list, const IssuedCertificate& issued, TimePoint now) {
  const StorePtr store(X509_STORE_new());
  const StoreContextPtr context(X509_STORE_CTX_new());
  const auto free_stack = [](STACK_OF(X509_CRL) * stack) { sk_X509_CRL_free(stack); };
  const std::unique_ptr<STACK_OF(X509_CRL), decltype(free_stack)> lists(sk_X509_CRL_new_null(), free_stack);
  if (!store || !context || !lists || sk_X509_CRL_push(lists.get(), list) == 0) return std::nullopt;
  if (X509_STORE_add_cert(store.get(), issued.issuer.get()) != 1) return std::nullopt;
  if (X509_STORE_CTX_init(context.get(), store.get(), issued.leaf.get(), nullptr) != 1) return std::nullopt;
  X509_STORE_CTX_set0_crls(context.get(), lists.get());
  X509_STORE_CTX_set_time(context.get(), 0, now.time_since_epoch().count());
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_PARTIAL_CHAIN);
  if (X509_verify_cert(context.get()) == 1) return false;
  if (X509_STORE_CTX_get_error(context.get()) == X509_V_ERR_CERT_REVOKED) return true;
  return std::nullopt;
}

std::string revocation_words(X509_CRL* list, X509* leaf, const std::string& url) {
  X509_REVOKED* entry = nullptr;
  if (X509_CRL_get0_by_cert(list, &entry, leaf) != 1) return "revoked: " + url;
  return "revoked " + to_utc(to_time(X509_REVOKED_get0_revocationDate(entry))) + reason_words(entry) + ": " +
         url;
}

}  // namespace

void RevocationLists::look_up(PeerCertificates& peer, IssuerBook& book, TimePoint now,
                              const Deadline& deadline) {
  if (!peer.trusted()) return;
  const std::string& key = peer.leaf.sha256;
  const auto issued = book.take(key);
  const auto tell = [&](const Answer& answer) {
    peer.revoked = answer.revoked;
    peer.revocation = answer.words;
  };
  {
    const std::lock_guard lock(mutex_);
    const auto known = answers_.find(key);
    if (known != answers_.end() && now < known->second.until) return tell(known->second);
  }
  if (!issued) return;
  const auto answer = ask(*issued, now, deadline);
  tell(answer);
  const std::lock_guard lock(mutex_);
  if (answers_.size() >= kAnswers)
    std::erase_if(answers_, [&](const auto& a) { return a.second.until <= now; });
  if (answers_.size() >= kAnswers) answers_.erase(answers_.begin());
  answers_.insert_or_assign(key, answer);
}

RevocationLists::Answer RevocationLists::ask(const IssuedCertificate& issued, TimePoint now,
                                             const Deadline& deadline) {
  Answer out{std::nullopt, {}, now + kRetry};
  for (const auto& url : issued.lists) {
    const auto kept = list_at(url, now, deadline);
    if (!kept) out.until = now;  // another is at it
    if (!kept || kept->der.empty()) continue;
    const CrlPtr list = parse_crl(kept->der);
    const auto revoked = list ? judged_by(list.get(), issued, now) : std::nullopt;
    ERR_clear_error();
    if (!revoked) continue;
    const auto words = *revoked ? revocation_words(list.get(), issued.leaf.get(), url) : std::string();
    return {revoked, printable(words, 2 * bounds::kDetail), kept->until};
  }
  return out;
}

std::optional<RevocationLists::List> RevocationLists::list_at(const std::string& url, TimePoint now,
                                                              const Deadline& deadline) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = lists_.find(url);
    if (known != lists_.end() && now < known->second.until) return known->second;
    if (!fetching_.insert(url).second) return std::nullopt;
  }
  List list{download(url, deadline.within(std::min(kDownload, deadline.left() / 3))), now + kRetry};
  if (const CrlPtr parsed = list.der.empty() ? nullptr : parse_crl(list.der)) {
    // RFC 5280 §5.1.2.5: the next one is there then. What was revoked since is wanted within a day.
    const ASN1_TIME* next = X509_CRL_get0_nextUpdate(parsed.get());
    list.until = std::min(now + kDay, next == nullptr ? now + kDay : std::max(to_time(next), now + kRetry));
  } else {
    list.der.clear();
  }
  ERR_clear_error();
  const std::lock_guard lock(mutex_);
  fetching_.erase(url);
  keep(url, list);
  return list;
}

/// With the lock held. The largest go first: each is fetched again when a certificate's answer has aged.
void RevocationLists::keep(const std::string& url, const List& list) {
  lists_.insert_or_assign(url, list);
  const auto octets = [&] {
    std::size_t sum = 0;
    for (const auto& [name, kept] : lists_)
      sum += kept.der.size() + name.size();
    return sum;
  };
  while (octets() > kKeptOctets)
    lists_.erase(std::ranges::max_element(lists_, {}, [](const auto& l) { return l.second.der.size(); }));
}

/// Empty where it cannot be had.
std::string RevocationLists::download(const std::string& url, const Deadline& deadline) {
  const auto at = parse_url(url);
  if (!at || (at->port != 80 && !options_.allow_private)) return {};
  std::optional<Address> address = Address::parse(at->host);
  if (!address) {
    auto answers = resolver_.ask({{at->host, RecordType::a}}, deadline);
    const auto* found = answers.empty() ? nullptr : std::get_if<AddressAnswer>(&answers.front());
    if (found == nullptr || found->records.empty()) return {};
    address = found->records.front();
  }
  if (!options_.allow_private && !address->not_public_reason().empty()) return {};
  auto connection = Connection::open(*address, at->port, deadline, kListOctets + 2 * bounds::kHttpHeader);
  if (!connection) return {};
  const std::string request = "GET " + at->path + " HTTP/1.1\r\nHost: " + at->host +
                              "\r\nUser-Agent: stswatch\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
                              "Connection: close\r\n\r\n";
  if (!connection->write(request, Stage::request)) return {};
  HttpResponseReader reader(kListOctets);
  std::array<char, 16384> buffer;
  for (;;) {
    const auto count = connection->read(buffer, reader.stage());
    if (!count || *count == 0) {
      // A list that was cut short does not parse, or its signature fails.
      const bool closed = count || count.error().cause == Cause::closed;
      if (!closed || !reader.end(HttpResponseReader::End::abrupt)) return {};
      break;
    }
    const auto want = reader.feed({buffer.data(), *count});
    if (!want) return {};
    if (*want == HttpResponseReader::Want::nothing) break;
  }
  auto& response = reader.response();
  const bool whole = response.status == 200 && !response.too_large && !response.truncated;
  return whole ? std::move(response.body) : std::string();
}

}  // namespace stswatch
