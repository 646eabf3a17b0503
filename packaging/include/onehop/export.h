// What a shared library shows. The libraries are compiled with hidden symbols: only what carries ONEHOP_EXPORT can be
// used from outside, and what belongs to it, except for what carries ONEHOP_HIDDEN.
#pragma once

// What others can use.
#define ONEHOP_EXPORT __attribute__((visibility("default")))
// What belongs to something that others can use, and is for the library alone.
#define ONEHOP_HIDDEN __attribute__((visibility("hidden")))
