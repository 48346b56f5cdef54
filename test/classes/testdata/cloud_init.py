"""Reads guestinfo as cloud-init's VMware datasource does, from the environment, and prints what it makes of it as JSON."""

import json
import sys
from types import SimpleNamespace

from cloudinit.net.network_state import parse_net_config_data
from cloudinit.sources import DataSourceVMware

DataSourceVMware.dmi.read_dmi_data = lambda key: "VMware Virtual Platform"
source = DataSourceVMware.DataSourceVMware({}, SimpleNamespace(), SimpleNamespace(), SimpleNamespace())
if not source._get_data():
    sys.exit("the datasource finds no data")
state = parse_net_config_data(source.network_config)
json.dump(
    {
        "instance": source.get_instance_id(),
        "hostname": source.metadata["local-hostname"],
        "keys": source.get_public_ssh_keys(),
        "userData": source.get_userdata_raw(),
        "slot": source.metadata["vmgroup"]["slot"],
        "interfaces": [
            {
                "name": i["name"],
                "mac": i["mac_address"],
                "dhcp": any(s["type"] == "dhcp4" for s in i["subnets"]),
                "addresses": [f"{s['address']}/{s['prefix']}" for s in i["subnets"] if s["type"] == "static"],
                "gateways": [
                    r["gateway"] for s in i["subnets"] for r in s.get("routes", []) if r["network"] == "0.0.0.0" and r["prefix"] == 0
                ],
                "nameservers": [n for s in i["subnets"] for n in s.get("dns_nameservers", [])],
            }
            for i in state.iter_interfaces()
        ],
    },
    sys.stdout,
    default=lambda value: value.decode(),
)
