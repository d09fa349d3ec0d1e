package testbed

import (
	"fmt"
	"strings"
)

// Passport writes the machine-readable zone of a passport of the United States (ICAO Doc 9303 part 4), with its check digits.
// Dates are written YYMMDD, and a name as in EXAMPLE<<ADA.
func Passport(name, born, expires string) string {
	filled := func(s string, n int) string { return (s + strings.Repeat("<", n))[:n] }
	checked := func(s string) string {
		const values = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		sum := 0
		for i := range len(s) {
			sum += max(0, strings.IndexByte(values, s[i])) * []int{7, 3, 1}[i%3]
		}
		return s + values[sum%10:sum%10+1]
	}
	number, born, expires, personal := checked(filled("963545637", 9)), checked(born), checked(expires), filled("", 14)+"<"
	all := checked(number + born + expires + personal)
	return "P<USA" + filled(name, 39) + "\n" + number + "USA" + born + "F" + expires + personal + all[len(all)-1:]
}

// Scan is a PDF as a scanner makes it that can read: with the lines of what it shows, unseen.
func Scan(text string) []byte {
	content := "BT 3 Tr /F1 8 Tf 12 TL 20 60 Td"
	for line := range strings.Lines(text) {
		content += fmt.Sprintf(" T* <%x> Tj", strings.TrimSpace(line))
	}
	return PDF(content+" ET", "", "")
}

// PDF is one of one page that these operators draw, with more in its catalog and its trailer.
func PDF(content, catalog, trailer string) []byte {
	var b, table strings.Builder
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R " + catalog + " >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content),
	}
	fmt.Fprintf(&table, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for i, o := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "%strailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", table.String(), len(objects)+1, trailer, start)
	return []byte(b.String())
}
