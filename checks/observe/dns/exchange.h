// One question to several authoritative servers at once, and the datagrams that are truly their answers: a
// socket of its own for each, connected, so that port and source address are checked by the kernel, a random
// id, and the question's letters in random case (RFC 5452 §9). TCP where an answer was cut or its case
// mangled. Stateless: safe from many threads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "checks/observe/dns/servers.h"
#include "checks/observe/net/deadline.h"

namespace stswatch::dns {

struct SourceQuery {
  std::string name;  // canonical
  std::uint16_t type = 0;
};

struct Exchanged {
  std::vector<std::uint8_t> message{};  // empty: no answer
  std::string why{};                    // there is none
  bool timeout = false;                 // nothing at all came back, not even "port unreachable"
};

/// In the order of `servers`; returns when all have answered, after `timeout` or at the deadline. Each is
/// asked twice by UDP at most: again after half the time-out, or without EDNS if that was disliked
/// (RFC 6891 §7).
std::vector<Exchanged> exchange(const SourceQuery& query, std::span<const Server> servers, Millis timeout,
                                const Deadline& deadline);

}  // namespace stswatch::dns
