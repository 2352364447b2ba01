# shellcheck shell=bash
# The flavours in which porthole is built and shipped; sourced by the other scripts.
# shellcheck disable=SC2034 # used by those
flavours=(porthole-probe porthole-probe-tls porthole)

# Prints the options of cargo that select a flavour's features, a word a line.
features_of() {
    case $1 in
        porthole-probe) echo --no-default-features ;;
        porthole-probe-tls) printf '%s\n' --no-default-features --features tls ;;
        porthole) ;;
    esac
}

# Prints the licences of all that is in a flavour's binary. Of porthole-probe all of it is MIT.
licences_of() {
    case $1 in
        porthole-probe) echo MIT ;;
        *) echo 'MIT AND Apache-2.0 AND ISC AND BSD-3-Clause' ;;
    esac
}

# Prints the word that tells a flavour's images and release tags apart; nothing for the full build.
suffix_of() {
    local suffix=${1#porthole}
    echo "${suffix#-}"
}
