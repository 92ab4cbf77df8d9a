"""ovf.py VERSION VMDK-NAME VMDK-BYTES SIZE_GIB: the OVF envelope on standard output (DMTF DSP0243 1.1, which all
importers take). G-IMG-02, G-IMG-04, G-IMG-06: one network interface, 8 processors, 8 GB, one disk."""
import sys

version, name, size, gib = sys.argv[1:]
ITEMS = [
    ("3", "8 virtual CPUs", {"VirtualQuantity": "8", "AllocationUnits": "hertz * 10^6"}),
    ("4", "8192 MB of memory", {"VirtualQuantity": "8192", "AllocationUnits": "byte * 2^20"}),
    ("6", "SCSI controller", {"Address": "0", "ResourceSubType": "VirtualSCSI"}),
    ("17", "Disk", {"AddressOnParent": "0", "Parent": "3", "HostResource": "ovf:/disk/vmdisk1"}),
    ("10", "Interface a", {"AddressOnParent": "7", "AutomaticAllocation": "true", "Connection": "a",
                           "ResourceSubType": "VmxNet3"}),
]
# The order that the schema demands.
ORDER = ["Address", "AddressOnParent", "AllocationUnits", "AutomaticAllocation", "Connection", "ElementName",
         "HostResource", "InstanceID", "Parent", "ResourceSubType", "ResourceType", "VirtualQuantity"]


def item(number, kind, label, fields):
    fields = dict(fields, ElementName=label, InstanceID=str(number), ResourceType=kind)
    lines = "".join(f"        <rasd:{key}>{fields[key]}</rasd:{key}>\n" for key in ORDER if key in fields)
    return f"      <Item>\n{lines}      </Item>\n"


# What image/provision/ovf.c makes settings of.
PROPERTIES = [
    ("name", "Name of the box", "Host name, without a domain"),
    ("ipv4-address", "IPv4 address of interface a", "With its prefix: 192.0.2.10/24"),
    ("ipv4-gateway", "IPv4 gateway", ""),
    ("ipv6-address", "IPv6 address of interface a", "With its prefix: 2001:db8::10/64"),
    ("ipv6-gateway", "IPv6 gateway", ""),
    ("dns", "Name server", ""),
    ("ssh-address", "Address that SSH listens on", "One of the above, without prefix; empty: no SSH. The password is chosen at the console first"),
]


def named(key, label, description):
    return (f'      <Property ovf:key="{key}" ovf:type="string" ovf:userConfigurable="true" ovf:value="">\n'
            f"        <Label>{label}</Label>\n        <Description>{description}</Description>\n      </Property>\n")


properties = "".join(named(*row) for row in PROPERTIES)
items = "".join(item(number, *row) for number, row in enumerate(ITEMS, 1))
print(f"""<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
    xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
    xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:href="{name}" ovf:id="file1" ovf:size="{size}"/>
  </References>
  <DiskSection>
    <Info>The one disk</Info>
    <Disk ovf:capacity="{gib}" ovf:capacityAllocationUnits="byte * 2^30" ovf:diskId="vmdisk1" ovf:fileRef="file1"
        ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>Networks</Info>
    <Network ovf:name="a">
      <Description>The network of interface a</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="gatehouse">
    <Info>Edge and federation gateway</Info>
    <Name>gatehouse-{version}</Name>
    <OperatingSystemSection ovf:id="96" vmw:osType="debian12_64Guest">
      <Info>The system inside</Info>
    </OperatingSystemSection>
    <ProductSection>
      <Info>The product</Info>
      <Product>Gatehouse</Product>
      <Version>{version}</Version>
{properties}    </ProductSection>
    <VirtualHardwareSection ovf:transport="iso">
      <Info>Virtual hardware</Info>
      <System>
        <vssd:ElementName>Virtual hardware</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>gatehouse</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-13 vmx-17 vmx-19</vssd:VirtualSystemType>
      </System>
{items}      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
      <vmw:Config ovf:required="false" vmw:key="bootOptions.efiSecureBootEnabled" vmw:value="false"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>""")
