# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``pot CMD -h`` prints. Recorded for the commands whose usage callers meet; the others' are one line of our own."""

from __future__ import annotations

USAGE = {
    "": """Usage: pot command [options]

Commands:
    help    -- Show help
    version -- Show version of the pot command
    config  -- Show pot framework configuration
    ls/list -- List of the installed pots
    show    -- Show information on pots
    info    -- Print minimal information on a pot
    top     -- Run top(1) inside the pot
    ps      -- Show running pots
    init    -- Initialize the ZFS layout
    de-init -- Remove pot from your system
    vnet-start -- Start vnet configuration
    create-base -- Create a new base image
    create-fscomp -- Create a new fs component
    create-private-bridge -- Create a new private bridge
    create -- Create a new pot (jail)
    clone -- Clone a pot, creating a new one
    clone-fscomp -- Clone an fscomp
    rename -- Rename a pot
    destroy -- Destroy a pot
    prune   -- Destroy non-running, prunable pots
    copy-in -- Copy a file or a directory into a pot
    copy-out -- Copy a file or a directory out of a pot
    mount-in -- Mount directory, ZFS dataset, or fscomp into a pot
    mount-out -- Unmount directory, ZFS dataset, or fscomp from a pot
    add-dep -- Add a dependency
    set-rss -- Set a resource constraint
    get-rss -- Get the current resource usage
    set-cmd -- Set the command to start the pot
    set-env -- Set environment variables inside a pot
    set-hosts -- Set /etc/hosts entries inside a pot
    set-hook -- Set hook scripts for a pot
    set-attribute/set-attr -- Set an attribute on a pot
    get-attribute/set-attr -- Get an attribute from a pot
    export-ports -- Allows exposing tcp and udp ports
    start -- Start a pot (jail)
    stop -- Stop a pot (jail)
    term -- Open terminal inside of a pot
    run -- Same as term, but start pot if it is not running
    snap/snapshot -- Take a snapshot of a pot
    rollback/revert -- Restore the latest snapshot
    purge-snapshots -- Remove old/all snapshots
    export -- Export a pot to a file
    import -- Import a pot from a file or a URL
    prepare -- Import and prepare a pot, used by orchestrators
    update-config -- Update the configuration of a pot
    last-run-stats -- Get statistics about a pot's last run
    signal -- Send signal to pot
    exec -- Execute a progam inside of a pot
""",
    "config": """pot config [-hvq] [-g name]
  -h print this help
  -v verbose
  -q quiet
  -g name : get value of config item "name", one of:
     + fs_root
     + fscomp_prefix
     + gateway
     + network_stack
     + pot_prefix
     + syslogd
     + zfs_root
""",
    "create": """pot create [-hv] -p potname [-N network-type] [-i ipaddr]
           [-l lvl] [-f flavour] [-b base|-P basepot]
           [-d dns] [-t type]
  -h print this help
  -v verbose
  -k keep the pot, if create fails
  -p potname : the pot name (mandatory)
  -l lvl : pot level (only for type multi)
  -b base : the base pot
  -P pot : the pot to be used as reference
  -d dns : pot dns resolver configuration, one of
           inherit*       - inherit from jailhost (*default)
           pot            - the pot configured in POT_DNS_NAME
           custom:<file>  - copy <file> into pot configuration
           off            - leave resolver config unaltered
  -f flavour : flavour to be used
  -t type: pot file system layout, one of
           single         - the pot is based on a unique ZFS dataset
           multi*         - the pot is composed by a classical
                            collection of 3 ZFS datasets (*default)
  -N network-type: pot network layout, one of
           inherit*       - inherit the host network stack (*default)
           alias          - configure a static ip alias directly on
                            the host's NIC
           public-bridge  - use the common internal public bridge
           private-bridge - use an internal private bridge (with -B)
  -i ipaddr : IP address selection, one of
           auto*          - automatically assign address (*default),
                            only works with (public|private)-bridge
           ipaddr         - mandatory with alias,
                            also works with (public|private)-bridge
  -B bridge-name : the name of the private bridge to be used
  -S network-stack : the network stack (ipv4, ipv6 or dual)
""",
    "info": """pot info [-hvqr] [-p pname|-B bname]
  -h print this help
  -v verbose
  -q quiet
  -p pname : pot name
  -B bname : bridge name
  -r check only if the pot is running
  -E output some pot information as environment variables
  -s list the available snapshots for the pot
""",
    "set-env": """pot set-env [-hv] -p pot -E env
  -h print this help
  -v verbose
  -p pot : the working pot
  -E var=value : the variable and the value to be added
     this option can be repeated more than once
""",
    "set-attribute": """pot set-attribute [-hv] -p pot -A attr -V value
  -h print this help
  -v verbose
  -p pot : the working pot
  -A attribute : one of
     + children
     + devfs_ruleset
     + early-start-at-boot
     + enforce_statfs
     + exec_stop
     + fdescfs
     + linprocfs
     + localhost-tunnel
     + mlock
     + mount
     + no-etc-hosts
     + no-rc-script
     + no-tmpfs
     + nullfs
     + persistent
     + procfs
     + prunable
     + raw_sockets
     + start-at-boot
     + stop_timeout
     + sysvmsg
     + sysvsem
     + sysvshm
     + tmpfs
     + zfs
  -V value : the new value for "attribute"
""",
    "mount-in": """pot mount-in [-hvwr] -p pot -m mnt -f fscomp|-d dir|-z dataset
  -h print this help
  -v verbose
  -p pot : the working pot
  -f fscomp : a fs component to be mounted
  -z zfs dataset : a ZFS dataset to be mounted
  -d dir : a directory on the host to be mounted,
           absolute pathname
  -m mnt : the mount point inside of the pot
  -w : change the ZFS mount point instead of using nullfs,
       potentially DANGEROUS and only usable with -z and -f
  -r : mount-in read-only
""",
    "clone": """pot clone [-hvF] -p potname -P basepot [-i ipaddr]
  -h print this help
  -v verbose
  -k keep the pot, if clone fails
  -P potname : the pot to be cloned (template)
  -s snapshot : the snapshot to be used to clone
  -p potname : the name of the pot that is created
  -f flavour : flavour to be used
  -N network-type : new network type of the cloned pot
  -i ipaddr : an ip address or the keyword auto (if applicable)
  -B bridge-name : the name of the private bridge to be used
  -S network-stack : the network stack (ipv4, ipv6 or dual)
  -d dns : change pot dns resolver configuration, one of
           inherit       - inherit from jailhost
           pot           - the pot configured in POT_DNS_NAME
           custom:<file> - copy <file> into pot configuration
           off           - leave resolver config unaltered
  -F : automatically take snapshots of dataset that has none
""",
}
OTHERS = {
    "version": "[-hvq]",
    "init": "[-hvms] [-p pf_file]",
    "de-init": "[-hvfm] [-p pf_file]",
    "vnet-start": "[-hv] [-B bridge-name]",
    "create-base": "[-hv] -r release [-b basename]",
    "create-fscomp": "[-hv] -f fscompname",
    "clone-fscomp": "[-hv] -F fscomp -f newfscomp",
    "create-private-bridge": "[-hv] -B bridge-name -S size",
    "list": "[-hvqpbfFBa]",
    "show": "[-hvqar] [-p potname]",
    "ps": "[-hvq]",
    "top": "[-h] -p potname",
    "start": "[-hvsS] [-p] potname",
    "stop": "[-hv] [-p] potname",
    "term": "[-hvf] [-p] potname",
    "exec": "[-hvdt] -p potname [-e VAR=value] [-u user|-U user] cmd",
    "signal": "[-hvflC] -p potname [-s signal] [-P pid] [-m pattern]",
    "last-run-stats": "[-hv] -p potname",
    "destroy": "[-hvFrq] -p potname|-b basename|-f fscomp|-B bridge",
    "rename": "[-hv] -p potname -n newname",
    "prune": "[-hvqgn]",
    "copy-in": "[-hvFc] -p pot -s source -d destination",
    "copy-out": "[-hvF] -p pot -s source -d destination",
    "mount-out": "[-hv] -p pot -m mnt",
    "set-cmd": "[-hv] -p potname -c command",
    "set-hosts": "[-hv] -p pot [-H hostname:ip]",
    "set-hook": "[-hv] -p pot [-s prestart] [-S poststart] [-t prestop] [-T poststop]",
    "get-attribute": "[-hvq] -p pot -A attr",
    "set-rss": "[-hv] -p potname [-C cpus] [-M memory]",
    "get-rss": "[-hvJ] -p potname",
    "export-ports": "[-hv] -p potname -e [proto:]port[:pot_port]",
    "add-dep": "[-hv] -p potname -P depPot",
    "snapshot": "[-hvr] -p potname|-f fscomp",
    "revert": "[-hv] -p potname|-f fscomp",
    "purge-snapshots": "[-hva] -p potname|-f fscomp",
    "export": "[-hvcFA] -p pot [-t tag] [-D directory] [-l compression-level] [-S seckey]",
    "import": "[-hv] -p pot -t tag [-U URL] [-C pubkey]",
    "prepare": "[-hvs] -p pot -U URL -t tag -a aID [-n potname] [-c cmd] [-e port]",
    "update-config": "[-hva] [-p pot]",
    "set-status": "[-hv] -p pot -s status",
    "help": "[command]",
}


def of(command: str) -> str:
    """The usage text of a subcommand, '' being pot itself."""
    return USAGE[command] if command in USAGE else f"pot {command} {OTHERS.get(command, '[-h]')}\n  -h print this help\n"
