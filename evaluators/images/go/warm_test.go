package warm

import (
	_ "bufio"
	_ "bytes"
	_ "crypto/rand"
	_ "encoding/json"
	_ "errors"
	_ "fmt"
	_ "io"
	_ "math"
	_ "math/big"
	_ "math/rand"
	_ "os"
	_ "reflect"
	_ "regexp"
	_ "runtime"
	_ "sort"
	_ "strconv"
	_ "strings"
	_ "sync"
	"testing"
	_ "time"
	_ "unicode"
)

func TestWarm(t *testing.T) {}
