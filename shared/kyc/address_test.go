package kyc_test

import (
	"strings"
	"testing"

	"kyc/shared/kyc"
)

func TestPOBox(t *testing.T) {
	for street, want := range map[string]bool{
		// USPS Publication 28 sections 281 to 283, and how people write them.
		"PO BOX 11890": true, "P.O. Box 11890": true, "P. O. Box 11890": true, "P O Box 11890": true, "P.O.Box 11890": true, "po box 11890": true,
		"PO Box #11890": true, "PO Box No. 12": true, "PO Box Number 12": true, "PO-Box 12": true, "POBox 12": true, "P.O.Box12": true, "PO_Box,12": true,
		"PO Box": true, "PO Box A": true, "PO Box G12": true, "PO Box 0012": true, "PO Box ١٢": true, "P.O.B. 12": true, "POB 12": true,
		"Post Office Box 12": true, "Post-Office Box 12": true, "Postal Box 12": true, "PO Drawer 12": true, "Post Office Drawer 12": true, "P.O. Bin 12": true, "PO Lockbox 12": true,
		"Box 11890": true, "Box 12A": true, "Drawer 12": true, "Caller 11890": true, "Firm Caller 11890": true, "Bin 11890": true, "Lockbox 11890": true, "Lock Box 12": true, "Caller No. 12": true,
		"Apartado 12": true, "Apartado Postal 12": true, "Apdo. 12": true, "Apdo. Postal 12": true, "Aptdo. Postal 12": true,
		"12 Main St PO Box 7": true, "Attn. Nobody, P.O. Box 7": true, "Suite 5 Post Office Box 7": true,

		// Streets, whatever they are called.
		"12 Pobox Lane": false, "Pobox Lane 12": false, "Box Hill Rd": false, "12 Box Hill Rd": false, "Box 12 Ranch Rd": false, "12 Drawer Ct": false, "Bin 5 Warehouse Way": false,
		"Boxwood Ave 12": false, "1 Post Office Sq": false, "12 Old Post Office Rd": false, "Post Office Road 12": false, "PO Boxer St 12": false, "Depo Box 12 Rd": false,
		"12 Apartado Ave": false, "Apartamento 12": false, "Via Po 12": false, "12 P O Bartlett St": false, "Caller Street 9": false, "Poblado 12": false, "345 California St": false, "": false,
		// Boxes at the road, and of units.
		"RR 2 BOX 152": false, "RR 2 Box 18 Bryan Dairy Rd": false, "Rural Route 2 Box 152": false, "HC 68 BOX 23A": false, "HC 68 # 23A": false, "BOX 152 RR 2": false,
		"PSC 802 BOX 74": false, "UNIT 2050 BOX 4190": false, "CMR 4 BOX 19": false, "USS Nobody APO Box 12": false,
	} {
		t.Run(street, func(t *testing.T) {
			for _, street := range []string{street, strings.ToUpper(street), strings.ToLower(street)} {
				a := kyc.Address{Type: "PHYSICAL", Street: street, City: "Springfield", State: "CA", Country: "US"}
				if a.IsPOBox() != want || a.IsPhysical() == want {
					t.Errorf("%q: a box %t, physical %t", street, a.IsPOBox(), a.IsPhysical())
				}
			}
		})
	}
}

func TestPhysicalAddress(t *testing.T) {
	for name, c := range map[string]struct {
		address kyc.Address
		want    bool
	}{
		"street":                      {kyc.Address{Type: "PHYSICAL", Street: "1 Nowhere", State: "CA", Country: "US"}, true},
		"mailing address of a street": {kyc.Address{Type: "MAILING", Street: "1 Nowhere", State: "CA", Country: "US"}, false},
		"box":                         {kyc.Address{Type: "PHYSICAL", Street: "PO Box 1", State: "CA", Country: "US"}, false},
		"box of an APO":               {kyc.Address{Type: "PHYSICAL", Street: "PO Box 1", City: "APO", State: "AE", Country: "US"}, true},
		"box of an FPO":               {kyc.Address{Type: "PHYSICAL", Street: "Box 1", City: "FPO", State: "AP", Country: "US"}, true},
		"box abroad, in a state AA":   {kyc.Address{Type: "PHYSICAL", Street: "PO Box 1", State: "AA", Country: "ET"}, false},
		"none":                        {kyc.Address{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.address.IsPhysical(); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
