# Tests of the whole program against known truths: a broker of known slowness, a proxy that breaks promises, and the real
# servers.
find_program(ONEHOP_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(ONEHOP_PYTHON NAMES python3)
add_executable(onehop-fake-broker fake_broker.cc fake_broker_rules.cc fake_broker_delays.cc fake_broker_seen.cc
  plain_sockets.cc)
target_link_libraries(onehop-fake-broker PRIVATE onehop_options onehop_proto)
add_executable(onehop-hostile-proxy hostile_proxy.cc plain_sockets.cc)
target_link_libraries(onehop-hostile-proxy PRIVATE onehop_options onehop_proto)

# Each test is a process of its own and gets the folder of the programs. Tests with bounds on times run alone. With
# ONEHOP_TEST_FULL=1, which `./dev faults` sets, the bounds are those of the promises.
foreach(case accuracy freeze starved capacity merge_runs accounting workloads connects command_line scenario aftermath live
        ci_files)
  add_test(NAME loadgen_${case}
    COMMAND ${ONEHOP_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/${case}_test.py $<TARGET_FILE_DIR:onehop-loadgen>)
  set_tests_properties(loadgen_${case} PROPERTIES LABELS e2e TIMEOUT 300)
endforeach()
foreach(case accuracy freeze starved capacity)
  set_tests_properties(loadgen_${case} PROPERTIES RUN_SERIAL TRUE)
endforeach()
