# shellcheck shell=bash
# shellcheck disable=SC2034 # dev, which reads this file, uses the lists.
# The Debian packages that each kind of command of ./dev needs, and why.
declare -A packages=(
  [libraries]='
    g++                         # compiles what is tested, measured and shipped
    cmake ninja-build           # the build
    pkg-config                  # finds libuv and libsodium
    libuv1-dev                  # event loop
    libprotobuf-dev protobuf-compiler  # wire schema
    libabsl-dev                 # hash map
    libsodium-dev               # seeded hash, token
    libssl-dev                  # TLS
  '
  [build]='
    python3 valgrind            # tests: configured with everything else; instructions are counted
    ccache                      # makes the second build of the same source short
    dpkg-dev                    # what Debian packages of the programs depend on
    libspdlog-dev libfmt-dev    # logging
    libcli11-dev                # command lines
    nlohmann-json3-dev          # reports of the load generator
    libxxhash-dev               # checksums of the load generator
    libtomlplusplus-dev         # configuration file
    prometheus-cpp-dev          # metrics as text
    node-llhttp                 # parser of the admin port, in C
    libsystemd-dev              # readiness and watchdog
    libcurl4-openssl-dev        # the command line asks the admin port
    libasio-dev                 # tests: the client with completion tokens
    libnats-dev                 # benchmarks: another client library, to compare with
    libgtest-dev libgmock-dev   # tests: configured with everything else
    libbenchmark-dev            # micro-benchmarks: configured with everything else
    libreaderwriterqueue-dev libconcurrentqueue-dev  # queues that bench/mailbox.cc compares
  '
  [test]='
    python3-protobuf            # the minimal client of docs/wire.md
    python3-cryptography        # signs the tokens that the broker checks
    abigail-tools               # compares the binary form of the C API with that of before
    procps                      # end-to-end tests look at processes
    groff-base                  # finds mistakes in the manual pages
    nats-server mosquitto redis-server  # what the drivers of the load generator are tested against
    chromium                    # opens the report of the load generator
    haproxy nginx-light libnginx-mod-stream  # balancers in front of the broker
    prometheus                  # scrapes it; promtool checks metrics and rules
    systemd                     # systemd-analyze verifies the unit
    buildah debootstrap         # build the image, and what it is built from
    python3-yaml python3-jsonschema  # the files of deploy/ are what they should be
    golang-go golang-github-masterminds-sprig-dev golang-k8s-sigs-yaml-dev  # render the Helm chart, as helm does
    gnuplot-nox                 # draws what the comparison has measured
  '
  [clang]='
    clang                       # the second compiler, and the one of the sanitizers
    libclang-rt-14-dev          # sanitizer and fuzzer runtimes
    llvm                        # names in sanitizer reports
  '
  [check]='
    clang-format clang-tidy     # layout and lint of C++
    shellcheck                  # lint of shell scripts
    doxygen                     # the reference of the public headers
  '
)
# `libraries` is enough with -DONEHOP_BUILD_PROGRAMS=OFF; everything else needs it too.
packages[build]=${packages[libraries]}${packages[build]}
