// The store's own half, whatever the disk is: records in RAM, and the queue to it.
#pragma once

#include "agent/remember/backing.h"

namespace stswatch {

/// Without a backing everything ends with the process, and is durable at once. `options.now` may be empty
/// then.
std::unique_ptr<Store> make_live_store(EverythingStored stored, std::unique_ptr<Backing> backing,
                                       StoreOptions options);

}  // namespace stswatch
