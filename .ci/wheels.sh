# For .ci/run, which defines copy, finds_plugin, runs and $work: everything is compiled once, and what is tested is what
# a user gets. The development install is there before, for its build.

pythons() { # every Python from 3.11 up that can make an environment, the one we compile for first
    local minor
    echo python3
    for minor in $(seq 11 30); do
        [ "3.$minor" != "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')" ] || continue
        ! "python3.$minor" -c 'import ensurepip, venv' 2>/dev/null || echo "python3.$minor"
    done
}

build_distributions() { # an sdist, and from it a wheel: as "python -m build" does, and as a packager would
    copy "$work/tree"
    (cd "$work/tree" && TXMQTT_COMPILE=yes "$work/dev/bin/python" -m build --outdir "$work/dist" >/dev/null)
    [ "$(ls "$work/dist"/*.tar.gz | wc -l)" = 1 ]
    ls "$work/dist"/txmqtt-*-cp*.whl >/dev/null # compiled: otherwise it is none of one Python
}

install_wheel() { # takes the place of install_compiled
    python3 -m venv "$work/compiled"
    "$work/compiled/bin/pip" install -q "$(ls "$work/dist"/*.whl)[test]"
    finds_plugin "$work/compiled/bin"
    runs "$work/compiled/bin" compiled
}

install_sdist_without_a_compiler() { # takes the place of install_without_a_compiler
    python3 -m venv "$work/plain"
    CC=/nonexistent/cc "$work/plain/bin/pip" install -q "$(ls "$work/dist"/*.tar.gz)"
    finds_plugin "$work/plain/bin"
    runs "$work/plain/bin" interpreted
}

other_pythons() { # a wheel serves one Python: the others compile the sdist, and run all tests with what they made
    local python version
    for python in $(pythons | tail -n +2); do
        version=$("$python" --version | tr -d ' ')
        "$python" -m venv "$work/$version"
        TXMQTT_COMPILE=yes "$work/$version/bin/pip" install -q "$(ls "$work/dist"/*.tar.gz)[test]"
        runs "$work/$version/bin" compiled
        mkdir -p "$work/tree/build/$version"
        ln -s ../../tests ../../benchmarks "$work/tree/build/$version/"
        (cd "$work/tree/build/$version" &&
            TXMQTT_EXPECT=compiled timeout 15m "$work/$version/bin/python" -m twisted.trial tests)
    done
}

as_fast_as_expected() { # instructions do not depend on what else the machine does: Debian package valgrind
    (cd / && "$work/compiled/bin/python" "$work/tree/benchmarks/instructions.py" \
        --check "$work/tree/benchmarks/expected.toml" "$work/compiled/bin/python")
}
